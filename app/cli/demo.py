"""`orchestrator demo`: a year of real market history through the whole product, from nothing to the comparison."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from app.cli import CommandError, log_warnings_only, replay
from config import settings as configuration
from config.settings import Settings
from replay import demo
from replay.schedule import Schedule
from stack import datadir, runfile, stack
from stack import servers as embedded
from stack.errors import StackRefused
from stack.stack import RunningStack, StackPlan

_PORTS = click.IntRange(1, 65_535)
_IGNORED = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "BROKER_URL")
_MARKER = "wiped-by-demo"


@click.command()
@click.option("--exit", "leave", is_flag=True, help="Stop everything at the end, on a terminal too.")
@click.option("--port", type=_PORTS, default=8000, show_default=True, help="Port of the console and the webhook.")
@click.option("--flower-port", type=_PORTS, default=5555, show_default=True, help="Port of Flower.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where to live, made anew (default: DATA_DIR/demo).")
def command(*, leave: bool, port: int, flower_port: int, data_dir: Path | None) -> None:
    """Replay the bundled market history through servers of its own and compare the engines.

    The demo's data are wiped at each start. On a terminal everything stays up until Ctrl-C.
    """
    log_warnings_only()
    settings = _on_servers_of_its_own(configuration.load())
    scheduled = replay.read(demo.BARS_SPEC, alerts=demo.ALERTS)
    stay = sys.stdout.isatty() and not leave
    phases = Phases(monotonic=time.monotonic)
    try:
        directory = emptied(
            data_dir.absolute() if data_dir is not None else datadir.instance_directory(settings, "demo")
        )
        plan = StackPlan(
            settings=settings,
            data_dir=directory,
            port=port,
            flower_port=flower_port,
            migrate=_timed_migration(phases),
            log=directory / "log" / "demo.log",
        )
        code = stack.run_stack(plan, on_ready=lambda ready: _play(ready, scheduled, phases, stay=stay), stay=stay)
    except StackRefused as refusal:
        raise CommandError(str(refusal)) from None
    sys.exit(code)


class Phases:
    """Tells how long each phase of the demo took; each begins where the one before ended."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = self._since = monotonic()

    def ended(self, name: str) -> None:
        """Say on stderr how long the phase took that ends now."""
        now = self._monotonic()
        click.echo(f"{name:<22}{now - self._since:7.1f} s", err=True)
        self._since = now

    def all_ended(self) -> None:
        """Say how long everything took together."""
        click.echo(f"{'together':<22}{self._monotonic() - self._began:7.1f} s", err=True)


def _on_servers_of_its_own(settings: Settings) -> Settings:
    """Leave out the servers that the environment names, and say so."""
    ignored = [name for name in _IGNORED if settings.sources.get(name) == "environment"]
    if ignored:
        click.echo(f"the demo runs on servers of its own; ignored: {', '.join(ignored)}", err=True)
    return replace(settings, database_url=None, migration_database_url=None, redis_url=None, broker_url=None)


def emptied(directory: Path) -> Path:
    """Empty the demo's directory and mark it as the demo's.

    Raises:
        StackRefused: when a stack runs there, or when the directory holds something else than a demo.
    """
    if directory.exists():
        _wipe(directory)
    embedded.prepare_instance(directory)
    (directory / _MARKER).touch()
    return directory


def _wipe(directory: Path) -> None:
    if any(directory.iterdir()) and not (directory / _MARKER).is_file():
        raise StackRefused(f"{directory} holds something else than a demo and is not wiped; give an empty directory")
    with runfile.lock_instance(directory):
        datadir.remove_socket_directory(directory)
        for one in directory.iterdir():
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            elif one.name not in (_MARKER, "lock"):
                one.unlink()


def _timed_migration(phases: Phases) -> Callable[[Settings], None]:
    def migrate(settings: Settings) -> None:
        phases.ended("servers started")
        stack.migrate_and_prepare(settings)
        phases.ended("database migrated")

    return migrate


def _play(ready: RunningStack, scheduled: Schedule, phases: Phases, *, stay: bool) -> int:
    from app.cli import first_admin  # noqa: PLC0415 - what is asked for is checked before anything slow is loaded

    stack.print_urls(ready, first_admin.ensure_admin(ready.settings, ready.data_dir))
    phases.ended("processes started")
    summary = replay.drive(scheduled, ready.settings, web_url=ready.web_url, study=None)
    phases.ended("alerts replayed")
    replay.show(ready.settings, summary, as_json=False)
    phases.ended("report made")
    phases.all_ended()
    password_file = ready.data_dir / datadir.ADMIN_PASSWORD
    click.echo(f"console {ready.web_url}\nlogin   user {first_admin.NAME}, password in {password_file}")
    click.echo(f"Flower  {ready.flower_url}\ndata    {ready.data_dir}")
    if stay:
        click.echo("look around; Ctrl-C stops everything")
    return 0
