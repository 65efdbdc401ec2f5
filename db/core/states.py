"""States and stages as SQL literals, rendered from the domain's enums: statements take them from here.

They are literals and not bound parameters because the planner uses a partial index (`WHERE state IN (...)`) only when
it sees the values, which it does not in the generic plan of a prepared statement. The tables' constraints and the
migrations spell the states out, since those are history.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from domain import order_states
from domain.signal import Stage
from domain.trade import OrderState, TradeStatus


def render_set(members: Collection[Enum]) -> str:
    """Return an SQL list of the members' values, in the order of their enum, to stand after `IN`."""
    kind = type(next(iter(members)))
    return "(" + ", ".join(f"'{member.value}'" for member in kind if member in members) + ")"


OPEN_ORDERS = render_set(order_states.OPEN)
SENDABLE_ORDERS = render_set(order_states.SENDABLE)
# Not sent yet, or being sent: a worker has to go on with them.
PENDING_ORDERS = render_set(order_states.SENDABLE | {OrderState.SUBMITTING})
# Sent, and not at their end as far as is known: the venue may still fill them.
SENT_ORDERS = render_set(order_states.OPEN - order_states.SENDABLE - {OrderState.MANUAL_REVIEW})
# Those and the ones that a person has to look up.
UNSETTLED_ORDERS = render_set(order_states.OPEN - order_states.SENDABLE)
# Sent, without an answer so far.
DOUBTFUL_ORDERS = render_set({OrderState.SUBMITTING, OrderState.UNKNOWN})
# The venue has them, and they may still fill.
WORKING_ORDERS = render_set({OrderState.ACCEPTED, OrderState.PARTIAL})
REFUSED_ORDERS = render_set({OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED})
# No fill can belong to them.
UNFILLED_ORDERS = render_set({OrderState.DENIED, OrderState.INTENT, OrderState.REJECTED})
# An exit in one of these is done with: it filled, or it is too small for a lot.
FINISHED_EXITS = render_set({OrderState.DENIED, OrderState.FILLED})

UNFINISHED_TRADES = render_set({TradeStatus.PENDING, TradeStatus.OPEN})
ENTERED_TRADES = render_set({TradeStatus.OPEN, TradeStatus.CLOSED})

CONTEXT_CAPTURED = Stage.CONTEXT_CAPTURED.value
VARIANT_ASSIGNED = Stage.VARIANT_ASSIGNED.value
POLICY_RESOLVED = Stage.POLICY_RESOLVED.value
DISPATCHED = Stage.DISPATCHED.value
OUTCOME_RECORDED = Stage.OUTCOME_RECORDED.value
