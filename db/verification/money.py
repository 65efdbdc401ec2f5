"""Rules about money: closed trades have outcomes, and every figure of an outcome recomputes from fills."""

from __future__ import annotations

from db.verification.rule import QueryRule, VerificationRule
from domain.currencies import STABLE_COINS

# Where the synchronized clock equals the own one by definition, only the own clock has fills, which count for both.
_FILLS = """
    trade_outcomes o JOIN trades t USING (trade_id) JOIN fills f USING (trade_id)
    WHERE o.entry_price IS NOT NULL AND (f.intent = 'entry' OR NOT t.is_shadow
        OR f.exit_clock = CASE WHEN o.equals_own THEN 'own' ELSE o.exit_clock END)
"""
_OPENED = "coalesce(sum(f.quantity) FILTER (WHERE f.intent = 'entry'), 0)"
_CLOSED = "coalesce(sum(f.quantity) FILTER (WHERE f.intent = 'exit'), 0)"
_TOLERANCE = "1e-10"
# Half a unit of the tenth decimal place, to which an amount that was converted is rounded.
_LAST_PLACE = "0.6e-10"
_AMOUNT = "CASE f.side WHEN 'sell' THEN f.price * f.quantity ELSE -f.price * f.quantity END * t.multiplier - f.fee"
_ENTRIES = f"sum({_AMOUNT}) FILTER (WHERE f.intent = 'entry')"
_EXITS_AT_RATES = f"sum(({_AMOUNT}) * f.rate) FILTER (WHERE f.intent = 'exit')"
_RATE_TIMES_QUANTITY = "sum(f.quantity * f.rate) FILTER (WHERE f.intent = 'exit')"


def _resolve_peg(column: str) -> str:
    """Return the SQL of the currency that a code stands for: that of a stable coin, else itself."""
    pegs = "".join(f" WHEN '{coin}' THEN '{currency}'" for coin, currency in STABLE_COINS.items())
    return f"CASE {column}{pegs} ELSE {column} END"


RULES: tuple[VerificationRule, ...] = (
    QueryRule(
        "closed_trades_have_outcomes",
        "a trade that is closed on an exit clock has its outcome on it",
        f"""
        SELECT t.trade_id AS id FROM trades t CROSS JOIN (VALUES ('synchronized'), ('own')) AS clocks(clock)
            LEFT JOIN fills f ON f.trade_id = t.trade_id AND f.exit_clock IN ('both', clocks.clock)
        WHERE (t.is_shadow OR clocks.clock = 'synchronized') AND NOT EXISTS (
            SELECT FROM trade_outcomes o WHERE o.trade_id = t.trade_id AND o.exit_clock = clocks.clock)
        GROUP BY t.trade_id, t.status, clocks.clock
        HAVING t.status = 'closed' OR ({_CLOSED} > 0 AND {_OPENED} = {_CLOSED})
        """,
    ),
    QueryRule(
        "outcomes_follow_fills",
        "an outcome with prices belongs to a trade whose fills closed all they opened",
        f"SELECT o.outcome_id AS id FROM {_FILLS} GROUP BY o.outcome_id HAVING {_OPENED} <> {_CLOSED} OR {_CLOSED} = 0"
        """
        UNION SELECT o.outcome_id FROM trade_outcomes o
        WHERE o.entry_price IS NOT NULL AND NOT EXISTS (SELECT FROM fills f WHERE f.trade_id = o.trade_id)
        """,
    ),
    QueryRule(
        "pnl_recomputes_from_fills",
        "profit and loss is what the fills sold for, less what they cost, times the multiplier, less their fees"
        " and the cost of holding, at the rates of the exits",
        f"""
        SELECT o.outcome_id AS id FROM {_FILLS} GROUP BY o.outcome_id, o.pnl, o.holding_cost, t.multiplier
        HAVING {_OPENED} = {_CLOSED} AND abs(o.pnl + o.holding_cost - (
                {_EXITS_AT_RATES} + {_ENTRIES} * {_RATE_TIMES_QUANTITY} / nullif({_CLOSED}, 0)))
            > CASE WHEN bool_and(f.rate = 1) THEN 0 ELSE {_LAST_PLACE} END
        """,
    ),
    QueryRule(
        "fills_have_rates",
        "a fill is in the currency of its trade; its rate is 1 in the book's own, the inverse of its price where the"
        " pair prices the book's currency, and stored with its quote where another series gives it",
        f"""
        SELECT f.fill_id AS id FROM fills f JOIN trades t USING (trade_id) JOIN quotes q USING (quote_id)
            JOIN books b ON b.book = t.book
        WHERE f.currency <> t.currency
           OR (t.conversion = 'same' AND (f.rate <> 1 OR t.rate IS DISTINCT FROM 1
               OR {_resolve_peg("f.currency")} <> {_resolve_peg("b.base_currency")}))
           OR (t.conversion = 'own_price' AND abs(f.rate * f.price - 1) > {_TOLERANCE})
           OR (t.conversion = 'stored' AND f.rate <> coalesce(q.rate, t.rate))
        """,
    ),
    QueryRule(
        "prices_recompute_from_fills",
        "entry and exit prices are the quantity-weighted means of the fills, times their first and last",
        f"""
        SELECT o.outcome_id AS id FROM {_FILLS}
        GROUP BY o.outcome_id, o.entry_price, o.exit_price, o.entry_time, o.exit_time
        HAVING {_OPENED} = {_CLOSED} AND (
            abs(o.entry_price - sum(f.price * f.quantity) FILTER (WHERE f.intent = 'entry') / nullif({_OPENED}, 0))
                > {_TOLERANCE} * o.entry_price
            OR abs(o.exit_price - sum(f.price * f.quantity) FILTER (WHERE f.intent = 'exit') / nullif({_CLOSED}, 0))
                > {_TOLERANCE} * o.exit_price
            OR o.entry_time <> min(f.filled_at) FILTER (WHERE f.intent = 'entry')
            OR o.exit_time <> max(f.filled_at) FILTER (WHERE f.intent = 'exit'))
        """,
    ),
    QueryRule(
        "returns_recompute",
        "a return is profit and loss on the reference notional, of which a split real trade has its share",
        f"""
        SELECT o.outcome_id AS id FROM trade_outcomes o JOIN experiments e USING (experiment_id)
            LEFT JOIN execution_policies p USING (experiment_id)
            CROSS JOIN LATERAL (SELECT CASE WHEN p.execution_mode = 'SPLIT_CAPITAL' AND NOT o.is_shadow
                THEN nullif((p.allocations->>o.engine)::numeric, 0) ELSE 1 END AS of_notional) AS share
        WHERE abs(o.return_ratio * e.reference_notional * of_notional - o.pnl) > {_TOLERANCE} * abs(o.pnl)
           OR of_notional IS NULL
        """,
    ),
)
