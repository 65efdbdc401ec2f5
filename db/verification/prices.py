"""Rules about prices: nothing fills before its decision, each price has an origin, and bars follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from db.verification.rule import QueryRule, RecomputationRule, VerificationRule
from domain import fills
from domain.fills import FillModel
from domain.signal import Instrument, InstrumentKind
from domain.trade import Pricing

# Fills of the first fill model were stored without the origin of their price.
_FIRST_FILL_MODEL = "fm1"

_BATCH_SIZE = 1000
_FILLS_OF_THE_MODEL = text("""
    SELECT f.fill_id, f.side, f.quantity, f.price, f.fee, o.pricing, q.symbol, q.exchange, q.instrument_kind, q.bid,
           q.ask, q.last, t.multiplier
    FROM fills f JOIN orders o USING (order_id) JOIN trades t ON t.trade_id = f.trade_id
        JOIN quotes q ON q.quote_id = f.quote_id
    WHERE f.venue IN ('model', 'paper') AND f.fill_model = :version
""")


def find_wrong_fills(session: Session) -> Iterator[str]:
    """Yield the ids of fills whose price or fee does not follow from their quote by the present fill model."""
    query = session.execute(
        _FILLS_OF_THE_MODEL, {"version": fills.DEFAULT.version}, execution_options={"yield_per": _BATCH_SIZE}
    )
    return (str(row.fill_id) for row in query if not _is_fill_right(row, fills.DEFAULT))


def _is_fill_right(row: Row[Any], model: FillModel) -> bool:
    instrument = Instrument(symbol=row.symbol, exchange=row.exchange, kind=InstrumentKind(row.instrument_kind))
    costs = model.find_costs(instrument)
    priced = fills.price_order(
        costs, Pricing(row.pricing), is_buy=row.side == "buy", bid=row.bid, ask=row.ask, last=row.last
    )
    if priced is None or row.multiplier is None:
        return False
    fee = fills.compute_fee(costs, priced.price, row.quantity * row.multiplier)
    return (row.price, row.fee) == (priced.price, fee)


RULES: tuple[VerificationRule, ...] = (
    QueryRule(
        "no_fill_before_its_signal",
        "the model and the paper venue enter a trade at the signal's arrival or later, never on an older price",
        f"""
        SELECT f.fill_id AS id FROM fills f JOIN trades t USING (trade_id) JOIN experiments e USING (experiment_id)
            JOIN signals s USING (signal_id) JOIN quotes q USING (quote_id)
        WHERE f.intent = 'entry' AND f.venue IN ('model', 'paper') AND f.fill_model <> '{_FIRST_FILL_MODEL}'
          AND (f.filled_at < s.received_at OR q.at < s.received_at)
        """,
    ),
    QueryRule(
        "exits_come_after_entries",
        "no exit of the model or the paper venue is filled before the entry of its trade, on the trade's own clock",
        # On the synchronized clock a model trade follows another engine's real trade, which may have decided sooner.
        """
        SELECT f.fill_id AS id FROM fills f JOIN trades t USING (trade_id)
        WHERE f.intent = 'exit' AND f.venue IN ('model', 'paper') AND f.filled_at < t.entry_at
          AND NOT (t.is_shadow AND f.exit_clock = 'synchronized')
        """,
    ),
    QueryRule(
        "entries_fill_at_a_price_that_could_be_traded",
        "an entry fills at a live quote, at a bar's open or at its alert's price, never at a close from before",
        f"""
        SELECT fill_id AS id FROM fills
        WHERE intent = 'entry' AND venue IN ('model', 'paper') AND fill_model <> '{_FIRST_FILL_MODEL}'
          AND price_basis NOT IN ('live', 'open', 'alert', 'next_open')
        """,
    ),
    QueryRule(
        "fills_have_the_origin_of_their_quote",
        "the origin of a price that the model or the paper venue filled at is that of the stored quote",
        """
        SELECT f.fill_id AS id FROM fills f JOIN quotes q USING (quote_id)
        WHERE f.venue IN ('model', 'paper') AND f.price_basis <> q.basis
        """,
    ),
    RecomputationRule(
        "fills_recompute_from_quotes",
        "price and fee of what the model and the paper venue filled follow from the stored quote and from the costs of"
        " its kind and venue; fills of an earlier fill model are left out",
        find_wrong_fills,
    ),
    QueryRule(
        "bars_do_not_overlap",
        "a bar of a series opens when the one before it has closed",
        """
        SELECT concat_ws(' ', book, symbol, interval, side, open_time) AS id FROM (
            SELECT book, symbol, interval, side, open_time, close_time, lead(open_time) OVER (
                PARTITION BY book, symbol, exchange, instrument_kind, interval, side ORDER BY open_time) AS next_open
            FROM bars) AS following
        WHERE close_time > next_open OR close_time <= open_time
        """,
    ),
    QueryRule(
        "only_pending_trades_wait_for_a_price",
        "a trade that waits for its price has no order, and a pending model trade waits",
        """
        SELECT t.trade_id AS id FROM trades t
        WHERE (t.fill_by IS NOT NULL AND EXISTS (SELECT FROM orders o WHERE o.trade_id = t.trade_id))
           OR (t.is_shadow AND t.status = 'pending' AND t.fill_by IS NULL)
        """,
    ),
)
