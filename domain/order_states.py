"""Which way an order's state may go.

`denied`, `filled`, `cancelled`, `expired` and `rejected` are final. From `unknown` a look-up leads to what the venue
says, to `resubmit_ok` when the venue certainly never had the order, or to a person. Only `intent` and `resubmit_ok`
lead to `submitting`, and nothing else is ever sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain.trade import OrderState


class TransitionForbidden(ValueError):
    """The order cannot go from its state to the one asked for."""


_ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED})
_AT_VENUE = _ENDED | {OrderState.ACCEPTED, OrderState.PARTIAL}
_NOTHING: frozenset[OrderState] = frozenset()
OPEN = frozenset(OrderState) - _ENDED - {OrderState.DENIED}
SENDABLE = frozenset({OrderState.INTENT, OrderState.RESUBMIT_OK})

TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.INTENT: frozenset({OrderState.SUBMITTING, OrderState.DENIED}),
    OrderState.SUBMITTING: _AT_VENUE | {OrderState.UNKNOWN, OrderState.RESUBMIT_OK, OrderState.MANUAL_REVIEW},
    OrderState.ACCEPTED: _ENDED | {OrderState.PARTIAL, OrderState.UNKNOWN},
    OrderState.PARTIAL: (_ENDED - {OrderState.REJECTED}) | {OrderState.PARTIAL, OrderState.UNKNOWN},
    OrderState.UNKNOWN: _AT_VENUE | {OrderState.RESUBMIT_OK, OrderState.MANUAL_REVIEW},
    OrderState.RESUBMIT_OK: frozenset({OrderState.SUBMITTING, OrderState.DENIED}),
    OrderState.MANUAL_REVIEW: _AT_VENUE | {OrderState.RESUBMIT_OK},
    OrderState.DENIED: _NOTHING,
    OrderState.FILLED: _NOTHING,
    OrderState.CANCELLED: _NOTHING,
    OrderState.EXPIRED: _NOTHING,
    OrderState.REJECTED: _NOTHING,
}


def require_transition(current: OrderState, following: OrderState) -> None:
    """Refuse a step the table does not hold.

    Raises:
        TransitionForbidden: when the order cannot go from `current` to `following`.
    """
    if not can_transition(current, following):
        raise TransitionForbidden(f"an order cannot go from {current.value} to {following.value}")


def is_final(state: OrderState) -> bool:
    """Say whether an order in this state can never change again."""
    return not TRANSITIONS[state]


def can_transition(current: OrderState, following: OrderState) -> bool:
    """Say whether the table holds the step."""
    return following in TRANSITIONS[current]
