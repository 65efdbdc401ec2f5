"""`orchestrator replay`: alerts of a log sent through the running stack, over the bars of files."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, source_options
from config import settings as configuration
from config.settings import Settings
from domain import currencies
from domain.signal import Source
from operations import sources as source_operations
from replay import schedule, session
from replay.alert_symbols import BarsUnfit
from replay.bar_files import BarSpecInvalid
from replay.driver import ReplayBookExists, ReplayRefused, ReplaySummary, SignalStuck
from replay.file_content import FileInvalid
from replay.schedule import OutsideBars, Schedule
from reporting.formatting import replace_unprintable
from stack import datadir, runfile, stack
from stack.errors import StackRefused
from stack.stack import StackPlan

_SOURCE_NAME = "replay"
_LEAST_LEVERAGE, _MOST_LEVERAGE = Decimal("0.01"), Decimal(1000)


def _read_currency(context: click.Context, parameter: click.Parameter, code: str | None) -> str | None:  # noqa: ARG001 - click's interface
    """Return the code of a currency in capitals; refuse what is none."""
    if code is None or currencies.is_currency_code(code.upper()):
        return None if code is None else code.upper()
    raise CommandError(f"--base-currency: {code!r} is no currency; write a code such as USD or EUR")


def _read_leverage(context: click.Context, parameter: click.Parameter, given: str) -> Decimal:  # noqa: ARG001 - click's interface
    """Return a number from 0.01 to 1000; refuse what is none."""
    try:
        leverage = Decimal(given)
    except InvalidOperation:
        leverage = Decimal("NaN")
    if not leverage.is_finite() or not _LEAST_LEVERAGE <= leverage <= _MOST_LEVERAGE:
        raise CommandError(f"--max-leverage: {given!r} is no number from {_LEAST_LEVERAGE} to {_MOST_LEVERAGE}")
    return leverage


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedMoney:
    """What the user wants of a replay's money: its currency (None: the one that its instruments share), and the cap."""

    base_currency: str | None = None
    max_leverage: Decimal = Decimal(1)


_ANY_MONEY = WantedMoney()


@click.command()
@click.option(
    "--bars",
    "first_bars",
    multiple=True,
    required=True,
    metavar="SYMBOL[:bid|:ask|:mid]=FILE",
    help="A file of bars, one row each, of any usual form; see `orchestrator bars check`. More may follow.",
)
@click.argument("more_bars", nargs=-1, metavar="[SYMBOL=FILE]...")
@click.option(
    "--alerts",
    required=True,
    type=click.Path(path_type=Path),
    help="TradingView's alert log as exported, with the columns Ticker, Description and Time in any order.",
)
@click.option(
    "--timezone",
    "timezones",
    multiple=True,
    metavar="[SYMBOL=]ZONE",
    help="Time zone of bar files whose times have no offset, of all or of one symbol's; repeatable.",
)
@click.option(
    "--calendar",
    "calendars",
    multiple=True,
    metavar="[SYMBOL=]NAME",
    help="Calendar of the exchange of bar files, such as XNYS or 24/7, of all or of one symbol's; repeatable.",
)
@click.option("--source", metavar="NAME", help="Read the alerts under the settings of this source.")
@source_options.add_reading_options
@click.option(
    "--alert-timezone", "timezone", metavar="ZONE", help="Time zone of times in alerts that name none (default: UTC)."
)
@click.option("--study", metavar="NAME", help="Name of the replay's study (default: after its book).")
@click.option(
    "--base-currency",
    metavar="CODE",
    callback=_read_currency,
    help="Currency to count money in (default: the one that all instruments share, else USD).",
)
@click.option(
    "--max-leverage",
    metavar="TIMES",
    callback=_read_leverage,
    default="1",
    show_default=True,
    help="Largest value of one position, in multiples of the book's capital.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, with the replay's summary in it.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Data directory of the instance (default: the one used last)."
)
def command(
    *,
    first_bars: tuple[str, ...],
    more_bars: tuple[str, ...],
    alerts: Path,
    timezones: tuple[str, ...],
    calendars: tuple[str, ...],
    source: str | None,
    mapped: tuple[str, ...],
    study: str | None,
    base_currency: str | None,
    max_leverage: Decimal,
    as_json: bool,
    data_dir: Path | None,
    **fields: Any,
) -> None:
    """Replay alerts over bars, and compare the engines.

    The alerts go through the running stack, as TradingView would send them, in a book of their own; without a stack,
    one is started for the duration. The same input gives the same book, and a book that exists is refused.

    The options of `orchestrator sources add` say how the alerts are read; beside --source they change its settings.
    """
    settings = configuration.load()
    edits = SourceEdits(fields={name: value for name, value in fields.items() if value is not None}, mapped=mapped)
    alert_schedule = read_schedule(*first_bars, *more_bars, alerts=alerts, timezones=timezones, calendars=calendars)
    for line in session.format_assumptions(alert_schedule):
        click.echo(replace_unprintable(line), err=True)
    if source is None:
        alert_schedule = apply_source(alert_schedule, edits.apply_to(None))

    def job(running: Settings, web_url: str) -> int:
        applied = alert_schedule
        if source is not None:
            applied = apply_source(alert_schedule, edits.apply_to(_load_source(running, source)))
        money = WantedMoney(base_currency=base_currency, max_leverage=max_leverage)
        summary = run_replay(applied, running, web_url=web_url, study=study, money=money)
        print_report(running, summary, as_json=as_json)
        return 0

    try:
        directory = data_dir.absolute() if data_dir is not None else _choose_directory(settings)
        code = _run_on_stack(settings, directory, job=job)
    except StackRefused as refusal:
        raise CommandError(str(refusal)) from None
    sys.exit(code)


def read_schedule(*bars: str, alerts: Path, timezones: Sequence[str] = (), calendars: Sequence[str] = ()) -> Schedule:
    """Read the files of a replay; an error in them ends the command."""
    try:
        return schedule.read_schedule(bars, alerts, timezones=timezones, calendars=calendars)
    except (FileInvalid, BarSpecInvalid, OutsideBars) as error:
        raise CommandError(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEdits:
    """Settings of a source that options of the command give: fields of its schema, and symbols as SENT=READ."""

    fields: Mapping[str, Any]
    mapped: Sequence[str]

    def apply_to(self, source: Source | None) -> Source | None:
        """Return the source with these settings, or one that has only these; None when there are neither.

        Raises:
            CommandError: when a value is not allowed.
        """
        if not self.fields and not self.mapped:
            return source
        present = source_operations.describe_settings(source) if source is not None else {}
        named = {"name": _SOURCE_NAME, "book": _SOURCE_NAME}
        return source_options.build_source({**present, **named, **self.fields}, mapped=self.mapped)


def apply_source(alert_schedule: Schedule, source: Source | None) -> Schedule:
    """Read the alerts under the settings of a source; bars of none of them end the command."""
    try:
        return schedule.apply_source(alert_schedule, source)
    except BarsUnfit as error:
        raise CommandError(replace_unprintable(str(error))) from None


def _load_source(settings: Settings, name: str) -> Source:
    from replay import gateway  # noqa: PLC0415 - as in run_replay

    try:
        return gateway.load_source(settings, name)
    except ReplayRefused as error:
        raise click.ClickException(str(error)) from None


def run_replay(
    alert_schedule: Schedule, settings: Settings, *, web_url: str, study: str | None, money: WantedMoney = _ANY_MONEY
) -> ReplaySummary:
    """Replay through the stack at `web_url`, with progress on stderr; a failure ends the command with exit code 1."""
    from replay import gateway  # noqa: PLC0415 - Celery is not needed to refuse a bad file

    try:
        with gateway.open_gateway(settings, web_url=web_url) as connection:
            for warning in connection.choose_money(
                alert_schedule, base_currency=money.base_currency, max_leverage=money.max_leverage
            ):
                click.echo(f"warning: {replace_unprintable(warning)}", err=True)
            return session.perform_replay(
                alert_schedule, connection, terms=connection.terms, study=study, stream=sys.stderr
            )
    except (ReplayBookExists, ReplayRefused, SignalStuck) as error:
        raise click.ClickException(str(error)) from None


def print_report(settings: Settings, summary: ReplaySummary, *, as_json: bool) -> None:
    """Print the comparison of the engines in a replay."""
    from app.cli import report  # noqa: PLC0415 - as above

    document = report.load_document(settings, book=summary.book)
    if as_json:
        click.echo(json.dumps({**document, "replay": session.build_summary_document(summary)}, indent=2))
    else:
        click.echo(report.render(document))


def _choose_directory(settings: Settings) -> Path:
    directory = datadir.read_current(settings) or datadir.instance_directory(settings, "main")
    click.echo(f"using {directory}", err=True)
    return directory


def _run_on_stack(settings: Settings, directory: Path, *, job: Callable[[Settings, str], int]) -> int:
    """Run the job with the settings and URL of the stack of `directory`, which is started if it does not run."""
    joined_run = runfile.read_run_file(directory)
    if joined_run is not None:
        running = replace(
            datadir.ensure_secret_key(settings, directory),
            database_url=joined_run.database_url,
            redis_url=joined_run.redis_url,
            broker_url=joined_run.broker_url,
        )
        return job(running, joined_run.web_url)
    port, flower_port = _find_free_ports(settings.bind)
    log = directory / "log" / "replay.log"
    plan = StackPlan(settings=settings, data_dir=directory, port=port, flower_port=flower_port, log=log)
    return stack.run_stack(plan, on_ready=lambda ready: job(ready.settings, ready.web_url), stay=False)


def _find_free_ports(bind: str) -> tuple[int, int]:
    """Return two free ports, so that the stack of a replay does not collide with another one on this machine."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket(family, socket.SOCK_STREAM)) for _ in range(2)]
        for bound in sockets:
            bound.bind((bind, 0))
        first, second = (int(bound.getsockname()[1]) for bound in sockets)
        return first, second
