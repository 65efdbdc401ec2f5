"""Rules about trades: which may be real and how large, and that a trade agrees with its fills."""

from __future__ import annotations

from db.core import states
from db.verification.rule import QueryRule, VerificationRule

_REAL_TRADES = """
    trades t JOIN execution_policies p USING (experiment_id)
    JOIN decisions d ON d.experiment_id = t.experiment_id AND d.engine = t.engine
    WHERE NOT t.is_shadow AND t.status <> 'denied'
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
)
