"""`orchestrator instruments`: the currency, multiplier and steps of what is traded."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, options
from app.cli.database import open_database
from app.cli.operator import audit_context
from domain import costs
from domain.costs import InstrumentCosts
from domain.signal import InstrumentKind
from operations import instruments
from operations.instruments import InstrumentRefused

_KINDS = click.Choice([kind.value for kind in InstrumentKind if kind is not InstrumentKind.UNKNOWN])


def _format_costs(row: InstrumentCosts) -> str:
    """Write a row of the table of costs in one line."""
    numbers = " ".join(f"{number:>6}" for number in (row.spread_bps, row.slippage_bps, row.fee_bps))
    holding = ""
    if row.holding is not None:
        hours = int(row.holding.interval.total_seconds() // 3600)
        holding = f"{row.holding.name} {row.holding.long_bps} long, {row.holding.short_bps} short in {hours} h; "
    return f"{row.kind.value:<8} {row.venue or 'any':<12} {numbers}   {holding}{row.basis}"


class _Number(click.ParamType[Decimal]):
    """A decimal number, kept exactly as it was written."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the number; fail for anything that is none."""
        try:
            return Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is not a number; write one such as 12.5", param, ctx)


_NUMBER = _Number()


@click.group()
def command() -> None:
    """Show and set what instruments are counted in.

    A venue's own terms come first; these serve where none is configured. A future without a multiplier is not traded.
    """


@command.command("list")
@click.argument("symbol", required=False)
@options.JSON
@options.DATA_DIR
def list_(*, symbol: str | None, as_json: bool, data_dir: Path | None) -> None:
    """List the stored terms: all, or those that serve SYMBOL.

    SYMBOL may be a contract such as ES1! or ESZ2026, which is served by the row of its root.
    """
    with open_database(data_dir) as (_, database), database.transaction() as session:
        try:
            documents = instruments.list_instruments(session, symbol)
        except InstrumentRefused as refusal:
            raise CommandError(f"{refusal.field}: {refusal}") from None
    if as_json:
        click.echo(json.dumps(documents, indent=2))
        return
    if not documents:
        click.echo(f"nothing is stored for {symbol}; `orchestrator instruments set` adds it", err=True)
    for document in documents:
        click.echo(_format_line(document))


@command.command("costs")
def costs_() -> None:
    """List what trading costs, by kind and venue.

    Spread, slippage and fee are in basis points of the price, funding and swap of the position's worth.
    """
    click.echo(f"table {costs.VERSION}: spread, slippage of a market order and fee of a fill, in basis points\n")
    click.echo(f"{'kind':<8} {'venue':<12} {'spread':>6} {'slip':>6} {'fee':>6}")
    for row in costs.list_costs():
        click.echo(_format_costs(row))


@command.command("set")
@click.argument("symbol")
@click.option("--kind", type=_KINDS, help="Kind of instrument, where the symbol does not say it.")
@click.option("--currency", metavar="CODE", help="Currency that its price is in, such as USD.")
@click.option("--multiplier", type=_NUMBER, help="Worth of a move of the price by 1, for one unit: 50 for ES.")
@click.option("--tick", type=_NUMBER, help="Smallest step of the price.")
@click.option("--lot", type=_NUMBER, help="Smallest step of the quantity.")
@click.option("--min-notional", type=_NUMBER, help="Smallest value of an order, in the currency.")
@click.option("--calendar", metavar="NAME", help="Trading calendar, such as CMES, XNYS or 24/7.")
@click.option("--exchange", metavar="NAME", help="Only for alerts of this exchange (default: any).")
@options.OPTIONAL_REASON
@options.DATA_DIR
def set_(*, symbol: str, kind: str | None, reason: str, data_dir: Path | None, **changes: Any) -> None:
    """Set terms of SYMBOL; what is left out stays as it is.

    A contract such as ES1! or ESZ2026 stands for its root, so that the terms serve every month.
    """
    currency = changes.pop("currency")
    with open_database(data_dir) as (_, database):
        try:
            with database.transaction() as session:
                document = instruments.set_terms(
                    session,
                    symbol,
                    kind=None if kind is None else InstrumentKind(kind),
                    changes=changes | {"currency": None if currency is None else currency.upper()},
                    audit=audit_context(reason),
                )
        except InstrumentRefused as refusal:
            raise CommandError(f"{refusal.field}: {refusal}") from None
    click.echo(_format_line(document))


def _format_line(document: dict[str, Any]) -> str:
    """Write a row in one line: symbol, exchange and kind, then its terms."""
    terms = ", ".join(
        f"{label} {document[name]}"
        for name, label in (
            ("multiplier", "multiplier"),
            ("tick", "tick"),
            ("lot", "lot"),
            ("min_notional", "minimum"),
            ("calendar", "calendar"),
        )
        if document[name] is not None
    )
    origin = "" if document["origin"] == "shipped" else "  (set by a user)"
    where = f"{document['symbol']:<10} {document['exchange'] or '-':<8} {document['kind']:<7} {document['currency']:<5}"
    return f"{where} {terms}  {document['description']}".rstrip() + origin
