"""The states of an order and the transitions between them.

`denied`, `filled`, `cancelled`, `expired` and `rejected` are final. From `unknown` a look-up leads to the state at the
venue, to `resubmit_ok` when the venue certainly never had the order, or to `manual_review`. Only `intent` and
`resubmit_ok` lead to `submitting`: orders in any other state are never sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain.trade import OrderState


class TransitionForbidden(ValueError):
    """The table has no transition from the order's state to the requested one."""


_ENDED = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED})
_AT_VENUE = _ENDED | {OrderState.ACCEPTED, OrderState.PARTIAL}
_NO_STATES: frozenset[OrderState] = frozenset()
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
    OrderState.DENIED: _NO_STATES,
    OrderState.FILLED: _NO_STATES,
    OrderState.CANCELLED: _NO_STATES,
    OrderState.EXPIRED: _NO_STATES,
    OrderState.REJECTED: _NO_STATES,
}


def require_transition(current: OrderState, following: OrderState) -> None:
    """Raise unless an order may go from `current` to `following`.

    Raises:
        TransitionForbidden: when the table does not have the transition.
    """
    if not can_transition(current, following):
        raise TransitionForbidden(f"an order cannot go from {current.value} to {following.value}")


def is_final(state: OrderState) -> bool:
    """Return whether an order in this state can never change again."""
    return not TRANSITIONS[state]


def can_transition(current: OrderState, following: OrderState) -> bool:
    """Return whether the table has the transition."""
    return following in TRANSITIONS[current]
