"""`orchestrator doctor`: what is in force, where each value came from, and what is wrong."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from app.cli import live, opened
from app.cli.findings import Finding
from config import settings as configuration
from config.settings import Settings
from db import canaries, incidents, policies, studies
from db.canaries import QueueHealth, QueueState
from db.core import migrate
from db.core.session import Database
from db.queries import backlog
from domain.books import STANDING_BOOKS
from domain.experiment import PPM
from domain.policy import ExecutionMode
from stack.errors import StackRefused

_SECRET = frozenset({"SECRET_KEY"})


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")
def command(as_json: bool, data_dir: Path | None) -> None:
    """Show each effective setting with its source, and check database, policy, backlog, queues and incidents."""
    settings = configuration.load()
    values = effective(settings)
    findings = list(_findings(data_dir))
    if as_json:
        checks = [{"check": one.name, "ok": one.ok, "detail": one.detail} for one in findings]
        click.echo(json.dumps({"settings": values, "checks": checks}, indent=2))
    else:
        for name, one in values.items():
            click.echo(f"{name:<26}{one['value'] or '(unset)':<43} {one['source']}")
        for finding in findings:
            click.echo(finding.line)
    if not all(one.ok for one in findings):
        raise SystemExit(1)


def effective(settings: Settings) -> dict[str, dict[str, str]]:
    """Return each variable's effective value, secrets hidden, and whether the environment or a default gave it."""
    shown = {name: _shown(settings, name) for name in settings.sources}
    return {name: {"value": shown[name], "source": settings.sources[name]} for name in sorted(shown)}


def _shown(settings: Settings, name: str) -> str:
    if name == "SPLIT_PERCENTAGE":
        return str(Decimal(settings.split_ppm) / PPM)
    value: Any = getattr(settings, name.lower())
    if value is None:
        return ""
    if name in _SECRET:
        return "…"
    if isinstance(value, tuple):
        return (os.pathsep if name == "ENGINE_PATH" else ",").join(map(str, value))
    text = value.value if isinstance(value, ExecutionMode) else str(value)
    return re.sub(r"//([^/@:]*):[^@]*@", r"//\1:…@", text)


def _findings(data_dir: Path | None) -> Iterator[Finding]:
    try:
        with opened(data_dir) as (joined, database):
            yield from _database_findings(joined, database)
    except (StackRefused, click.ClickException, *migrate.DATABASE_ERRORS) as error:
        yield Finding(name="database", ok=False, detail=migrate.describe_error(error))


def _database_findings(settings: Settings, database: Database) -> Iterator[Finding]:
    yield _schema(settings)
    with database.transaction() as session:
        oldest = backlog.find_oldest_open(session)
        rules = policies.load_current(session, STANDING_BOOKS)
        running = studies.load_running(session, STANDING_BOOKS)
        life = canaries.list_all(session, settings)
        kinds = Counter(one["kind"] for one in incidents.list_open(session))
        trading = live.finding(session, settings)
    yield Finding(name="oldest open signal", ok=True, detail=oldest.isoformat() if oldest else "none")
    yield from _queues(life)
    yield _incidents(kinds)
    yield trading
    for book in STANDING_BOOKS:
        yield _policy(settings, book, rules)
        yield Finding(
            name=f"study of {book}", ok=book in running, detail=running[book].name if book in running else "none runs"
        )


def _queues(life: Sequence[QueueHealth]) -> Iterator[Finding]:
    for one in life:
        detail = f"{one.state.value}, last sign of life {one.silent_s:.0f} s ago"
        yield Finding(name=f"queue {one.queue}", ok=one.state is not QueueState.LATE, detail=detail)


def _incidents(kinds: Counter[str]) -> Finding:
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    detail = f"{counted}; see `orchestrator incidents list`" if kinds else "none"
    return Finding(name="open incidents", ok=not kinds, detail=detail)


def _schema(settings: Settings) -> Finding:
    with suppress(migrate.SchemaOutdated):
        migrate.check_current(settings.database_url or "")
        return Finding(name="schema", ok=True, detail="newest")
    return Finding(name="schema", ok=False, detail=f"not the newest: {migrate.HOW_TO_MIGRATE}")


def _policy(settings: Settings, book: str, rules: dict[str, Any]) -> Finding:
    if book not in rules:
        return Finding(name=f"policy of {book}", ok=False, detail="none; start `orchestrator up` once")
    rule = rules[book]
    detail = f"{rule.label}: {rule.mode.value}, split {Decimal(rule.split_ppm) / PPM}"
    if rule.mode is not settings.execution_mode:
        detail += f" (the table rules; EXECUTION_MODE says {settings.execution_mode.value})"
    return Finding(name=f"policy of {book}", ok=True, detail=detail)
