"""Rules about trades: which may be real and how large, and that a trade agrees with its fills."""

from __future__ import annotations

from db import open_trades
from db.core import states
from db.verification.rule import QueryRule, VerificationRule
from domain.signal import Flag

_REAL_TRADES = """
    trades t JOIN execution_policies p USING (experiment_id)
    JOIN decisions d ON d.experiment_id = t.experiment_id AND d.engine = t.engine
    WHERE NOT t.is_shadow AND t.status <> 'denied'
"""
# What is on its way (an exit, an exit that waits for a price) and what a person was told of (an incident, a message in
# quarantine that came after what the source last said) is not open in silence.
_OPEN_AGAINST_THEIR_SOURCE = f"""
    SELECT trades.trade_id AS id FROM trades JOIN books ON books.book = trades.book
        JOIN experiments ON experiments.experiment_id = trades.experiment_id
        JOIN signals AS entry ON entry.signal_id = experiments.signal_id
        CROSS JOIN LATERAL (
            SELECT * FROM signals AS later
            WHERE (later.book, later.source, later.symbol) = (trades.book, trades.source, trades.symbol)
              AND (later.strategy, later.exchange, later.instrument_kind)
                = (trades.strategy, trades.exchange, trades.instrument_kind)
              AND (later.received_at, later.seq) > (entry.received_at, entry.seq)
            ORDER BY later.received_at DESC, later.seq DESC LIMIT 1) AS said
    WHERE NOT trades.is_shadow AND trades.status IN {states.UNFINISHED_TRADES} AND books.kind IN ('live', 'paper')
      AND said.status = 'done' AND (said.action = 'exit') = (said.direction = trades.side)
      AND NOT said.flags ? '{Flag.OUTDATED.value}' AND NOT {open_trades.IS_CLOSING}
      AND NOT EXISTS (SELECT FROM incidents WHERE incidents.detail->'trades' ? trades.trade_id::text)
      AND NOT EXISTS (
        SELECT FROM exit_results JOIN trades AS model ON exit_results.trade_ids ? model.trade_id::text
        WHERE waits_since IS NOT NULL AND settled_at IS NULL
          AND model.experiment_id = trades.experiment_id AND model.engine = trades.engine)
      AND NOT EXISTS (
        SELECT FROM webhook_events WHERE webhook_events.source = trades.source AND webhook_events.kind = 'quarantined'
          AND webhook_events.received_at >= said.received_at)
"""

RULES: tuple[VerificationRule, ...] = (
    QueryRule(
        "shadow_only_no_real_orders",
        "where the policy is SHADOW_ONLY nothing trades for real",
        """
        SELECT t.trade_id AS id FROM trades t JOIN execution_policies p USING (experiment_id)
        WHERE NOT t.is_shadow AND p.execution_mode = 'SHADOW_ONLY'
          AND (t.status <> 'denied' OR EXISTS (SELECT FROM orders o WHERE o.trade_id = t.trade_id))
        """,
    ),
    QueryRule(
        "primary_one_engine",
        "in the primary modes only the engine the policy names trades for real",
        """
        SELECT t.trade_id AS id FROM trades t JOIN execution_policies p USING (experiment_id)
        WHERE NOT t.is_shadow AND p.execution_mode LIKE '%PRIMARY' AND t.engine <> p.executed_engine
        UNION SELECT p.experiment_id FROM execution_policies p JOIN experiments e USING (experiment_id)
        WHERE p.execution_mode = 'VARIANT_PRIMARY' AND p.executed_engine <> e.variant
        """,
    ),
    QueryRule(
        "split_fits_allocation",
        "allocations sum to at most 1, and a real trade is not larger than its engine's share of its own quantity",
        f"""
        SELECT t.trade_id AS id FROM {_REAL_TRADES} AND p.execution_mode = 'SPLIT_CAPITAL'
          AND t.quantity > d.quantity * coalesce((p.allocations->>t.engine)::numeric, 0)
        UNION SELECT p.experiment_id FROM execution_policies p, jsonb_each_text(p.allocations) AS share
        GROUP BY p.experiment_id HAVING sum(share.value::numeric) > 1 OR min(share.value::numeric) < 0
        """,
    ),
    QueryRule(
        "real_fits_decision",
        "a real trade is not larger than what its engine asked for",
        f"""
        SELECT t.trade_id AS id FROM {_REAL_TRADES} AND p.execution_mode <> 'SPLIT_CAPITAL' AND t.quantity > d.quantity
        """,
    ),
    QueryRule(
        "only_enter_trades",
        "a trade follows from its own engine's ENTER, on the side the engine chose",
        """
        SELECT t.trade_id AS id FROM trades t
            LEFT JOIN decisions d ON d.experiment_id = t.experiment_id AND d.engine = t.engine
        WHERE d.action IS DISTINCT FROM 'ENTER' OR d.side <> t.side
        """,
    ),
    QueryRule(
        "opened_by_fills",
        "an open or closed trade has the quantity that its entry fills opened, a denied one has no fill",
        f"""
        SELECT t.trade_id AS id FROM trades t LEFT JOIN fills f ON f.trade_id = t.trade_id AND f.intent = 'entry'
        GROUP BY t.trade_id, t.status, t.quantity
        HAVING (t.status IN {states.ENTERED_TRADES} AND t.quantity <> coalesce(sum(f.quantity), 0))
            OR (t.status = 'denied' AND count(f.fill_id) > 0)
        """,
    ),
    QueryRule(
        "closed_not_more_than_opened",
        "on each exit clock a trade closes at most what it opened",
        """
        SELECT f.trade_id AS id FROM fills f CROSS JOIN (VALUES ('synchronized'), ('own')) AS clocks(clock)
        WHERE f.exit_clock IN ('both', clocks.clock) GROUP BY f.trade_id, clocks.clock
        HAVING coalesce(sum(f.quantity) FILTER (WHERE f.intent = 'exit'), 0)
             > coalesce(sum(f.quantity) FILTER (WHERE f.intent = 'entry'), 0)
        """,
    ),
    QueryRule(
        "open_trades_follow_their_source",
        "a real trade that its source last told to end is being closed, or an incident names it",
        _OPEN_AGAINST_THEIR_SOURCE,
    ),
)
