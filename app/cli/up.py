"""`orchestrator up`: the whole product on this machine, until Ctrl-C."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from app.cli import CommandError, log_warnings_only, start_settings
from config.settings import Settings
from reporting.formatting import replace_unprintable
from stack import datadir, stack
from stack.errors import StackRefused
from stack.stack import RunningStack, StackPlan

_PORTS = click.IntRange(1, 65_535)


@click.command()
@click.option("--port", type=_PORTS, default=8000, show_default=True, help="Port of the console and the webhook.")
@click.option("--flower-port", type=_PORTS, default=5555, show_default=True, help="Port of Flower.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Directory of the data (default: DATA_DIR/main).")
def command(port: int, flower_port: int, data_dir: Path | None) -> None:
    """Start everything on this machine, until Ctrl-C.

    Servers that DATABASE_URL and REDIS_URL name are used, the others are started. The data stay for the next start.
    """
    log_warnings_only()
    settings = start_settings.load()
    try:
        directory = data_dir.absolute() if data_dir is not None else datadir.instance_directory(settings, "main")
        plan = StackPlan(settings=settings, data_dir=directory, port=port, flower_port=flower_port)
        code = stack.run_stack(plan, on_ready=_announce_ready)
    except StackRefused as refusal:
        raise CommandError(str(refusal)) from None
    sys.exit(code)


def _announce_ready(ready: RunningStack) -> None:
    from app.cli import first_admin  # noqa: PLC0415 - ports and settings are checked before these slow imports
    from operations import sources  # noqa: PLC0415 - ports and settings are checked before these slow imports

    login = first_admin.ensure_admin(ready.settings, ready.data_dir)
    webhooks = (
        f"webhook  {url}  (source {name})"
        for name, url in sources.list_webhook_urls(ready.settings, base=ready.web_url)
    )
    stack.print_urls(ready, login, *webhooks, *_describe_market_data(ready.settings))


def _describe_market_data(settings: Settings) -> list[str]:
    """Return where prices come from, and the markets of recent signals whose bars do not suffice for the engines."""
    from db.core.session import Database  # noqa: PLC0415 - likewise
    from operations import known_bars  # noqa: PLC0415 - likewise

    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        documents = known_bars.list_known_bars(database, settings, now=datetime.now(UTC))
    finally:
        database.dispose()
    lines = (replace_unprintable(line) for line in known_bars.list_missing(documents))
    return [f"prices   {known_bars.describe_market_data(settings)}", *(f"bars     {line}" for line in lines)]
