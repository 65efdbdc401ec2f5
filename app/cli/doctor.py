"""`orchestrator doctor`: every effective setting with its source, and checks of database, queues and policies."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from app.cli import options, start_settings
from app.cli.database import open_database
from app.cli.live import format_result
from config import settings as configuration
from config.settings import Settings
from db import canaries, incidents, periodic_runs, policies, studies
from db.canaries import QueueHealth, QueueState
from db.core import migrate
from db.core.session import Database
from db.periodic_runs import PeriodicRun
from db.queries import backlog
from domain.books import STANDING_BOOKS
from domain.experiment import PPM
from domain.policy import ExecutionMode, PolicyVersion
from operations import known_bars, live_checks
from operations.check_result import CheckResult
from stack.errors import StackRefused

_SECRET = frozenset({"SECRET_KEY"})


@click.command()
@options.JSON
@options.DATA_DIR
def command(as_json: bool, data_dir: Path | None) -> None:
    """Show the settings in force and check the installation.

    Each setting is shown with where its value comes from. Checked are the database and its schema, whether
    engines have the bars they need, the oldest unfinished signal, the queues, beat, open incidents, live trading,
    policies and studies. Exit code 1 when a check fails.
    """
    settings = configuration.load()
    values = effective_values(settings)
    results = [_check_lookalikes(), *_run_checks(data_dir)]
    if as_json:
        checks = [{"check": result.name, "ok": result.ok, "detail": result.detail} for result in results]
        click.echo(json.dumps({"settings": values, "checks": checks}, indent=2))
    else:
        _print_values(values)
        for result in results:
            click.echo(format_result(result))
    if not all(result.ok for result in results):
        raise SystemExit(1)


def effective_values(settings: Settings) -> dict[str, dict[str, str]]:
    """Return each variable's effective value, secrets hidden, and whether the environment or a default gave it."""
    return {
        name: {"value": _format_value(settings, name), "source": settings.sources[name]}
        for name in sorted(settings.sources)
    }


def _print_values(values: Mapping[str, Mapping[str, str]]) -> None:
    for name, setting in values.items():
        click.echo(f"{name:<26}{setting['value'] or '(unset)':<43} {setting['source']}")


def _format_value(settings: Settings, name: str) -> str:
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
    return re.sub(r"//([^/@:]*):[^@]*@", r"//\1:…@", text)  # hides the password of a URL


def _check_lookalikes() -> CheckResult:
    lines = list(start_settings.describe_lookalikes())
    return CheckResult(name="names of settings", ok=not lines, detail="; ".join(lines) or "known")


def _run_checks(data_dir: Path | None) -> Iterator[CheckResult]:
    try:
        with open_database(data_dir) as (settings, database):
            yield from _check_database(settings, database)
    except (StackRefused, click.ClickException, *migrate.DATABASE_ERRORS) as error:
        yield CheckResult(name="database", ok=False, detail=migrate.describe_error(error))


def _check_database(settings: Settings, database: Database) -> Iterator[CheckResult]:
    yield _check_schema(settings)
    with database.transaction() as session:
        oldest = backlog.find_oldest_open(session)
        versions = policies.load_current(session, STANDING_BOOKS)
        running = studies.load_running(session, STANDING_BOOKS)
        queues = canaries.list_all(session, settings)
        runs = periodic_runs.list_all(session, settings)
        incident_counts = Counter(incident["kind"] for incident in incidents.list_open(session))
        live_trading = live_checks.check_live_trading(session, settings)
    yield CheckResult(name="market data", ok=True, detail=known_bars.describe_market_data(settings))
    for document in known_bars.list_known_bars(database, settings, now=datetime.now(UTC)):
        name = f"bars of {document['book']}"
        yield CheckResult(name=name, ok=document["enough"], detail=known_bars.format_known_bars(document))
    yield CheckResult(name="oldest open signal", ok=True, detail=oldest.isoformat() if oldest else "none")
    yield from _check_queues(queues)
    yield _check_beat(settings, runs)
    yield _check_incidents(incident_counts)
    yield live_trading
    for book in STANDING_BOOKS:
        yield _check_policy(settings, book, versions.get(book))
        study = running.get(book)
        yield CheckResult(name=f"study of {book}", ok=study is not None, detail=study.name if study else "none runs")


def _check_queues(queues: Sequence[QueueHealth]) -> Iterator[CheckResult]:
    for queue in queues:
        detail = f"{queue.state.value}, last sign of life {queue.silent_s:.0f} s ago"
        yield CheckResult(name=f"queue {queue.queue}", ok=queue.state is not QueueState.LATE, detail=detail)


def _check_beat(settings: Settings, runs: Sequence[PeriodicRun]) -> CheckResult:
    """Check that each entry of the schedule ran in time; without a message broker nothing runs that could be late."""
    shown = ", ".join(f"{run.entry} {run.silent_s:.0f} s ago" for run in runs)
    if settings.broker_url is None:
        return CheckResult(name="beat", ok=True, detail="the stack does not run")
    late = [f"{run.entry} for {run.silent_s:.0f} s" for run in runs if run.is_late]
    detail = f"did not run: {', '.join(late)}; start `orchestrator run beat` again" if late else shown
    return CheckResult(name="beat", ok=not late, detail=detail or "never started")


def _check_incidents(counts: Counter[str]) -> CheckResult:
    listing = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    detail = f"{listing}; see `orchestrator incidents list`" if counts else "none"
    return CheckResult(name="open incidents", ok=not counts, detail=detail)


def _check_schema(settings: Settings) -> CheckResult:
    with suppress(migrate.SchemaOutdated):
        migrate.check_current(settings.database_url or "")
        return CheckResult(name="schema", ok=True, detail="newest")
    return CheckResult(name="schema", ok=False, detail=f"not the newest: {migrate.HOW_TO_MIGRATE}")


def _check_policy(settings: Settings, book: str, version: PolicyVersion | None) -> CheckResult:
    if version is None:
        return CheckResult(name=f"policy of {book}", ok=False, detail="none; start `orchestrator up` once")
    detail = f"{version.label}: {version.mode.value}, split {Decimal(version.split_ppm) / PPM}"
    is_set = settings.sources["EXECUTION_MODE"] == "environment"
    if is_set and version.mode is not settings.execution_mode:
        detail += f" (set in the database; EXECUTION_MODE says {settings.execution_mode.value})"
    return CheckResult(name=f"policy of {book}", ok=True, detail=detail)
