"""`orchestrator demo`: market history replayed through the whole product, up to the comparison."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from app.cli import CommandError, log_warnings_only, replay, start_settings
from app.cli.replay import WantedMoney
from config.settings import Settings
from replay import demo
from replay.demo import DemoPart
from replay.driver import ReplaySummary
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
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Directory of the demo, emptied at each start (default: DATA_DIR/demo).",
)
def command(*, leave: bool, port: int, flower_port: int, data_dir: Path | None) -> None:
    """Replay bundled market history and compare the engines.

    The demo starts servers of its own; its data are deleted at each start. On a terminal everything stays up until
    Ctrl-C.
    """
    log_warnings_only()
    settings = _choose_engines(_drop_configured_servers(start_settings.load()))
    schedules = [_read_part(part) for part in demo.PARTS]
    stay = sys.stdout.isatty() and not leave
    timer = PhaseTimer(monotonic=time.monotonic)
    try:
        directory = empty_directory(
            data_dir.absolute() if data_dir is not None else datadir.instance_directory(settings, "demo")
        )
        plan = StackPlan(
            settings=settings,
            data_dir=directory,
            port=port,
            flower_port=flower_port,
            migrate=_time_migration(timer),
            log=directory / "log" / "demo.log",
        )
        code = stack.run_stack(plan, on_ready=lambda ready: _run_demo(ready, schedules, timer, stay=stay), stay=stay)
    except StackRefused as refusal:
        raise CommandError(str(refusal)) from None
    sys.exit(code)


class PhaseTimer:
    """Prints the duration of each phase of the demo; each begins where the one before ended."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = self._since = monotonic()

    def end_phase(self, name: str) -> None:
        """End a phase now and print its duration in seconds on stderr."""
        now = self._monotonic()
        click.echo(f"{name:<22}{now - self._since:7.1f} s", err=True)
        self._since = now

    def print_total(self) -> None:
        """Print the duration of all phases together."""
        click.echo(f"{'together':<22}{self._monotonic() - self._began:7.1f} s", err=True)


def _drop_configured_servers(settings: Settings) -> Settings:
    """Remove the servers that the environment names, with a message: the demo must not wipe a real database."""
    ignored = [name for name in _IGNORED if settings.sources.get(name) == "environment"]
    if ignored:
        click.echo(f"the demo runs on servers of its own; ignored: {', '.join(ignored)}", err=True)
    return replace(settings, database_url=None, migration_database_url=None, redis_url=None, broker_url=None)


def _choose_engines(settings: Settings) -> Settings:
    """Return the settings with the engines that the demo is about, whichever the environment names."""
    return replace(settings, engine_a=demo.ENGINE_A, engine_b=demo.ENGINE_B, engine_path=(demo.FOLDER,))


def empty_directory(directory: Path) -> Path:
    """Empty the demo's directory, or create it, and mark it as the demo's.

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
        raise StackRefused(f"{directory} holds something else than a demo and is not deleted; give an empty directory")
    with runfile.lock_instance(directory):
        datadir.remove_socket_directory(directory)
        for path in directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in (_MARKER, "lock"):
                path.unlink()


def _time_migration(timer: PhaseTimer) -> Callable[[Settings], None]:
    def migrate(settings: Settings) -> None:
        timer.end_phase("servers started")
        stack.migrate_and_prepare(settings)
        timer.end_phase("database migrated")

    return migrate


def _read_part(part: DemoPart) -> Schedule:
    return replay.apply_source(replay.read_schedule(part.bars_spec, alerts=part.alerts), None)


def _run_demo(ready: RunningStack, schedules: Sequence[Schedule], timer: PhaseTimer, *, stay: bool) -> int:
    from app.cli import first_admin  # noqa: PLC0415 - loaded after options and settings are checked, because it is slow

    stack.print_urls(ready, first_admin.ensure_admin(ready.settings, ready.data_dir))
    timer.end_phase("processes started")
    summaries = [_replay_part(ready, schedule) for schedule in schedules]
    timer.end_phase("alerts replayed")
    for part, summary in zip(demo.PARTS, summaries, strict=True):
        click.echo(f"\n{part.title}")
        replay.print_report(ready.settings, summary, as_json=False)
    timer.end_phase("reports made")
    timer.print_total()
    password_file = ready.data_dir / datadir.ADMIN_PASSWORD
    click.echo(f"console {ready.web_url}\nlogin   user {first_admin.NAME}, password in {password_file}")
    click.echo(f"Flower  {ready.flower_url}\ndata    {ready.data_dir}")
    if stay:
        click.echo("everything stays up; Ctrl-C stops it")
    return 0


def _replay_part(ready: RunningStack, schedule: Schedule) -> ReplaySummary:
    money = WantedMoney(max_leverage=demo.MAX_LEVERAGE)
    return replay.run_replay(schedule, ready.settings, web_url=ready.web_url, study=None, money=money)
