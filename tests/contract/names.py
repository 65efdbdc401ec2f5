"""Names that scripts, dashboards and brokers know: tasks, queues, settings, log events and kinds of incidents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from config import settings
from tasks.celery_app import make_celery

_ROOT = Path(__file__).parents[2]
_SERVERS = {"DATABASE_URL": "postgresql://nowhere/db", "REDIS_URL": "redis://nowhere"}
_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_EVENT = re.compile(r"[a-z_]+(\.[a-z_]+)+")
_ONE_KIND_OF_INCIDENT = "source_silent"
# The setting's attribute, where it is not the variable's name in small letters.
_ATTRIBUTES = {"SPLIT_PERCENTAGE": "split_ppm"}


def celery() -> dict[str, Any]:
    """Return our tasks with their queues, the queues, and what beat sends."""
    app = make_celery(settings.load(_SERVERS))
    app.loader.import_default_modules()
    ours = {name for name, task in app.tasks.items() if not task.__module__.startswith(("celery.", "tests."))}
    beat = app.conf.beat_schedule
    return {
        "tasks": {name: app.amqp.router.route({}, name)["queue"].name for name in sorted(ours)},
        "queues": [queue.name for queue in app.conf.task_queues],
        "beat": {
            name: {"task": entry["task"], "queue": entry["options"]["queue"]} for name, entry in sorted(beat.items())
        },
    }


def environment() -> dict[str, Any]:
    """Return the variables that are read, with what is in force when none is set."""
    loaded = settings.load({"FAILPOINTS": "1"})
    return {name: _plain(getattr(loaded, _ATTRIBUTES.get(name, name.lower()))) for name in sorted(loaded.sources)}


def log_events() -> list[str]:
    """Return the events that the product logs: first arguments of calls such as `log.info("signal.accepted", ...)`.

    Where the argument is an expression, every event in it counts, and those in a table of the module that it names.
    """
    return sorted({event for module in _modules() for event in _events(module)})


def incident_kinds() -> list[str]:
    """Return the keys of the table that explains each kind of incident, wherever it stands."""
    tables = [set(_texts(*filter(None, node.keys))) for module in _modules() for node in _dicts(module)]
    (kinds,) = [keys for keys in tables if _ONE_KIND_OF_INCIDENT in keys]
    return sorted(kinds)


def _modules() -> Iterator[ast.Module]:
    """Yield every module of every package that is installed: of every one but the tests."""
    packages = [initializer.parent for initializer in _ROOT.glob("*/__init__.py") if initializer.parent.name != "tests"]
    for package in sorted(packages):
        for file in sorted(package.rglob("*.py")):
            yield ast.parse(file.read_text(encoding="utf-8"))


def _events(module: ast.Module) -> Iterator[str]:
    tables = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and _is_logging(call):
            named = [
                tables[node.id] for node in ast.walk(call.args[0]) if isinstance(node, ast.Name) and node.id in tables
            ]
            yield from (text for text in _texts(call.args[0], *named) if _EVENT.fullmatch(text))


def _is_logging(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in _LEVELS and bool(call.args)


def _dicts(module: ast.Module) -> Iterator[ast.Dict]:
    return (node for node in ast.walk(module) if isinstance(node, ast.Dict))


def _texts(*expressions: ast.expr) -> Iterator[str]:
    for expression in expressions:
        for node in ast.walk(expression):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, str | int | float) else list(value)
