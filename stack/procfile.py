"""The Procfile: the processes of the product, by name."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from config import secret_variables
from config.settings import Settings
from stack import commands, network
from stack.child import Child
from stack.errors import StackRefused

# What only shows something must not end what trades.
_ONLY_SHOWING = frozenset({"flower"})
# Flower keeps nothing and now and then waits long for an answer before it ends.
_STOP_WITHIN_S = {"flower": 2.0}
_LINE = re.compile(r"^([A-Za-z][A-Za-z0-9_-]*):\s*(\S.*)$")


def default_path() -> Path:
    """Return the path of the product's own Procfile, beside its packages."""
    return Path(__file__).resolve().parents[1] / "Procfile"


def read_procfile(file: Path) -> dict[str, tuple[str, ...]]:
    """Return the command of each process, split into words, in the file's order.

    Raises:
        StackRefused: when the file is missing, or a line is not `name: command`.
    """
    if not file.exists():
        raise StackRefused(f"{file} is missing: the installation is incomplete, install it again")
    processes: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise StackRefused(f"{file}, line {number}: expected `name: command`, found {line!r}")
        processes[match.group(1)] = tuple(shlex.split(match.group(2)))
    return processes


def build_children(file: Path, settings: Settings, *, data_dir: Path, port: int, flower_port: int) -> Iterator[Child]:
    """Yield the file's processes as children that find the stack through their environment.

    `web` and `flower` get their ports as options; `web` is ready when it answers `/readyz` with 200.
    """
    environment = _build_environment(settings, data_dir)
    extra = {"web": ("--port", str(port)), "flower": ("--port", str(flower_port))}
    for name, command in read_procfile(file).items():
        argv = _resolve_program(command, path=environment["PATH"])
        if argv is None:
            raise StackRefused(f"{file}: the program {command[0]!r} of {name} is not on PATH")
        yield Child(
            name=name,
            argv=(*argv, *extra.get(name, ())),
            environment=secret_variables.remove_needless_secrets(environment, process=name),
            ready=(lambda: network.is_answering(settings.bind, port, "/readyz")) if name == "web" else None,
            stop_within_s=_STOP_WITHIN_S.get(name, 10.0),
            essential=name not in _ONLY_SHOWING,
        )


def _resolve_program(command: tuple[str, ...], *, path: str) -> tuple[str, ...] | None:
    """Return the command with its program's path, None without one; `orchestrator` is always this installation's."""
    if command[0] == "orchestrator":
        return commands.build_product_command(*command[1:])
    program = shutil.which(command[0], path=path)
    return None if program is None else (program, *command[1:])


def _build_environment(settings: Settings, data_dir: Path) -> Mapping[str, str]:
    """The caller's environment, the stack's URLs and engines, and the directory of our own scripts first on PATH."""
    ours = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    stack_variables = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BROKER_URL": settings.broker_url,
        "SECRET_KEY": settings.secret_key,
        "DATA_DIR": str(data_dir),
        "LOG_FORMAT": settings.log_format,
        "ENGINE_A": settings.engine_a,
        "ENGINE_B": settings.engine_b,
        "ENGINE_PATH": os.pathsep.join(map(str, settings.engine_path)) or None,
    }
    known = {name: value for name, value in stack_variables.items() if value is not None}
    return {**os.environ, **known, "PATH": ours, "PYTHONUNBUFFERED": "1"}
