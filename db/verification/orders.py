"""Rules about orders: each reaches its venue once, its fills are its own, and both sides of a pair exit together."""

from __future__ import annotations

from db.core import states
from db.verification.rule import QueryRule, VerificationRule
from domain.order_states import TRANSITIONS

# Where one engine trades for real, the model trades of its experiment follow the exits of the real trade. An exit that
# is smaller than a lot has no order.
_UNSYNCHRONIZED_EXITS = f"""
    WITH exits AS (
        SELECT o.order_id, o.trade_id, o.quote_id, o.fraction, o.is_final, o.venue, f.filled_at
        FROM orders o JOIN fills f USING (order_id)
        WHERE o.intent = 'exit' AND o.exit_clock = 'synchronized'
          AND (o.state = 'filled' OR o.venue = 'model')
    ), followed AS (
        SELECT r.trade_id AS real_id, r.quantity AS real_quantity, r.lot AS real_lot,
               m.trade_id AS model_id, m.quantity AS model_quantity, m.lot AS model_lot
        FROM trades r JOIN trades m USING (experiment_id) JOIN execution_policies p USING (experiment_id)
        WHERE NOT r.is_shadow AND r.status IN {states.ENTERED_TRADES}
          AND m.is_shadow AND m.status IN {states.ENTERED_TRADES} AND p.execution_mode <> 'SPLIT_CAPITAL'
    ), matched AS (
        SELECT rx.order_id AS real_order, mx.order_id AS model_order, model_id, real_id
        FROM followed JOIN exits rx ON rx.trade_id = real_id JOIN exits mx ON mx.trade_id = model_id
        WHERE rx.quote_id = mx.quote_id AND rx.fraction = mx.fraction AND rx.is_final = mx.is_final
          AND (rx.filled_at = mx.filled_at OR rx.venue <> 'paper')
    )
    SELECT x.order_id AS id FROM followed JOIN exits x ON x.trade_id = real_id
    WHERE (x.is_final OR div(model_quantity * x.fraction, model_lot) > 0) AND NOT EXISTS (
        SELECT FROM matched WHERE matched.real_order = x.order_id AND matched.model_id = followed.model_id)
    UNION SELECT x.order_id FROM followed JOIN exits x ON x.trade_id = model_id
    WHERE (x.is_final OR div(real_quantity * x.fraction, real_lot) > 0) AND NOT EXISTS (
        SELECT FROM matched WHERE matched.model_order = x.order_id AND matched.real_id = followed.real_id)
"""

_TRANSITIONS_ALLOWED = ", ".join(
    f"('{before.value}', '{after.value}')"
    for before, following in TRANSITIONS.items()
    for after in sorted(following, key=str)
)
_FORBIDDEN_TRANSITIONS = f"""
    SELECT order_id AS id FROM (
        SELECT order_id, from_state, to_state, lag(to_state) OVER (PARTITION BY order_id ORDER BY event_id) AS before
        FROM order_events) AS moved
    WHERE from_state IS DISTINCT FROM before
       OR (from_state IS NOT NULL AND (from_state, to_state) NOT IN ({_TRANSITIONS_ALLOWED}))
"""
_BEGUN_WHILE_PAUSED = """
    SELECT order_id AS id FROM order_events JOIN orders USING (order_id) CROSS JOIN LATERAL (
        SELECT paused FROM policy_versions WHERE policy_versions.book = orders.book AND created_at <= at
        ORDER BY policy_version_id DESC LIMIT 1) AS rule
    WHERE to_state = 'submitting' AND intent = 'entry' AND paused
      AND NOT (venue = 'paper' AND from_state = 'resubmit_ok')
"""
_BEGUN_WHILE_NOT_LIVE = """
    SELECT order_id AS id FROM order_events JOIN orders USING (order_id)
    WHERE to_state = 'submitting' AND intent = 'entry' AND venue NOT IN ('model', 'paper') AND (
        SELECT account FROM live_switches WHERE live_switches.at <= order_events.at
        ORDER BY switch_id DESC LIMIT 1) IS NULL
"""

RULES: tuple[VerificationRule, ...] = (
    QueryRule(
        "client_order_ids_are_unique",
        "no two orders share a client_order_id, and none is filled beyond its quantity",
        """
        SELECT client_order_id AS id FROM orders GROUP BY client_order_id HAVING count(*) > 1
        UNION SELECT o.client_order_id FROM orders o JOIN fills f USING (order_id)
        GROUP BY o.order_id, o.client_order_id, o.quantity HAVING sum(f.quantity) > o.quantity
        """,
    ),
    QueryRule(
        "filled_means_filled",
        "a filled order has fills for all of its quantity, one that was not accepted has none",
        f"""
        SELECT o.order_id AS id FROM orders o LEFT JOIN fills f USING (order_id)
        GROUP BY o.order_id, o.state, o.quantity
        HAVING (o.state = 'filled' AND coalesce(sum(f.quantity), 0) < o.quantity)
            OR (o.state IN {states.UNFILLED_ORDERS} AND count(f.fill_id) > 0)
        """,
    ),
    QueryRule(
        "fills_are_their_orders",
        "a fill has the trade, clock, intent, side and venue of its order",
        """
        SELECT f.fill_id AS id FROM fills f JOIN orders o USING (order_id)
        WHERE (f.trade_id, f.exit_clock, f.intent, f.side, f.venue)
           <> (o.trade_id, o.exit_clock, o.intent, o.side, o.venue)
        """,
    ),
    QueryRule(
        "ledgers_keep_their_venues",
        "model trades are filled by the model alone, real ones never",
        "SELECT o.order_id AS id FROM orders o JOIN trades t USING (trade_id) WHERE t.is_shadow <> (o.venue = 'model')",
    ),
    QueryRule(
        "orders_move_as_they_may",
        "each order's states follow each other as the table of orders allows",
        _FORBIDDEN_TRANSITIONS,
    ),
    QueryRule(
        "order_state_is_its_last_event",
        "an order stands where the last of its events says",
        """
        SELECT order_id AS id FROM orders JOIN (
            SELECT DISTINCT ON (order_id) order_id, to_state FROM order_events ORDER BY order_id, event_id DESC
        ) AS latest USING (order_id) WHERE state <> to_state
        """,
    ),
    QueryRule(
        "no_entry_begins_under_the_switch",
        "no real entry began to be submitted while the switch was set",
        _BEGUN_WHILE_PAUSED,
    ),
    QueryRule(
        "no_entry_begins_at_a_venue_unless_live",
        "no entry began to be submitted to a venue while the live book was not live",
        _BEGUN_WHILE_NOT_LIVE,
    ),
    QueryRule(
        "live_is_what_its_history_says",
        "the account that is live is the one that the last change names",
        """
        SELECT book AS id FROM books WHERE book = 'live' AND live_account IS DISTINCT FROM (
            SELECT account FROM live_switches ORDER BY switch_id DESC LIMIT 1)
        """,
    ),
    QueryRule(
        "attempts_follow_refusals",
        "an order is sent again only after it was refused, cancelled or expired",
        f"""
        SELECT later.order_id AS id FROM orders later JOIN orders earlier USING (trade_id, exit_clock, intent, leg)
        WHERE later.attempt > earlier.attempt AND earlier.state NOT IN {states.REFUSED_ORDERS}
        """,
    ),
    QueryRule(
        "paper_fills_are_in_the_ledger",
        "what the paper venue filled is what its ledger remembers",
        """
        SELECT f.fill_id AS id FROM fills f JOIN orders o USING (order_id)
            LEFT JOIN paper_ledger l USING (client_order_id)
        WHERE o.venue = 'paper' AND NOT coalesce(jsonb_path_exists(
            l.fills, '$[*] ? (@.venue_fill_id == $id)', jsonb_build_object('id', f.venue_fill_id)), false)
        """,
    ),
    QueryRule(
        "restored_database_matches_its_venue",
        "after a backup was restored, the venue has no order of an open trade that the database lacks (trade)",
        """
        SELECT named.id FROM incidents CROSS JOIN LATERAL jsonb_array_elements_text(detail->'trades') AS named(id)
        WHERE kind = 'restored_trade_differs' AND closed_at IS NULL
        """,
    ),
    QueryRule(
        "sync_exits_same_time_same_quote_same_fraction",
        "a real exit closes the same fraction of its experiment's model trades at the same time on the same quote",
        _UNSYNCHRONIZED_EXITS,
    ),
)
