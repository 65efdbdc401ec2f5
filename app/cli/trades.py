"""`orchestrator trades`: what is open, why it is, and closing a real trade by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.cli import options
from app.cli.database import open_current_database, open_snapshot
from app.cli.operator import audit_context
from db import trades as stored_trades
from db.core import listing
from domain.decision import EngineSlot
from operations import trades as trade_operations
from operations.trades import TradeNotClosable, TradeUnknown
from reporting import signal_trace, trade_trace


@click.group()
def command() -> None:
    """List and show trades, and close real ones by hand."""


@command.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only trades that are pending or open.")
@click.option("--real", "only_real", is_flag=True, help="Only real trades, no model trades.")
@click.option("--book", metavar="BOOK", help="Only trades of this book.")
@click.option("--symbol", metavar="SYMBOL", help="Only trades in this symbol, as it is stored (such as BTCUSDT).")
@click.option("--source", metavar="NAME", help="Only trades of this source.")
@click.option("--engine", type=click.Choice([slot.value for slot in EngineSlot]), help="Only trades of this engine.")
@options.LIMIT
@options.JSON
@options.DATA_DIR
def list_trades(
    *,
    only_open: bool,
    only_real: bool,
    book: str | None,
    symbol: str | None,
    source: str | None,
    engine: str | None,
    limit: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """List trades, newest first."""
    wanted = {
        "open": True if only_open else None,
        "is_shadow": False if only_real else None,
        "book": book,
        "symbol": symbol,
        "source": source,
        "engine": engine,
    }
    filters = {name: value for name, value in wanted.items() if value is not None}
    with open_snapshot(data_dir) as session:
        rows = signal_trace.convert_rows(listing.load_page(session, stored_trades.TRADES, filters=filters, limit=limit))
    if as_json:
        click.echo(json.dumps({"trades": rows}, indent=2))
    elif rows:
        click.echo("\n".join([trade_trace.format_header(), *map(trade_trace.format_line, rows)]))
    else:
        click.echo("there is no such trade", err=True)


@command.command()
@click.argument("trade_id", type=click.UUID)
@options.JSON
@options.DATA_DIR
def show(*, trade_id: UUID, as_json: bool, data_dir: Path | None) -> None:
    """Show one trade: its orders, fills and results.

    Of an open trade it says why it is open.
    """
    with open_snapshot(data_dir) as session:
        document = trade_trace.load_document(session, trade_id)
    if document is None:
        raise click.ClickException(f"there is no trade {trade_id}")
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(trade_trace.iterate_lines(document)))


@command.command()
@click.argument("trade_id", type=click.UUID)
@options.REASON
@options.JSON
@options.DATA_DIR
def close(*, trade_id: UUID, reason: str, as_json: bool, data_dir: Path | None) -> None:
    """Close a real trade at the present price.

    The exits worker closes it within seconds, as `policy flatten` closes those of a whole book; its model trade goes
    on. A trade that is closed or closing already stays as it is.
    """
    with open_current_database(data_dir) as (_, database), database.transaction() as session:
        try:
            document = trade_operations.close(session, trade_id, audit=audit_context(reason))
        except (TradeUnknown, TradeNotClosable) as error:
            raise click.ClickException(str(error)) from None
    click.echo(json.dumps(document, indent=2) if as_json else _format_closing(document))


def _format_closing(document: dict[str, Any]) -> str:
    name = f"{document['side']} {document['symbol']} of {document['source']}"
    if document["status"] == "closing":
        return f"closing: {name}; the exits worker closes it at the first price, see `orchestrator trades show`"
    return f"{document['status']} already: {name}"
