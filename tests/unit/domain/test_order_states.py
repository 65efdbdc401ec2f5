"""Which way an order's state may go."""

from __future__ import annotations

from itertools import pairwise

import pytest

from domain import order_states
from domain.order_states import TRANSITIONS, TransitionForbidden
from domain.trade import OrderState

FINAL = {OrderState.DENIED, OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(OrderState)


@pytest.mark.parametrize(
    "way",
    [
        "intent submitting accepted partial partial filled",
        "intent submitting rejected",
        "intent denied",
        "intent submitting accepted cancelled",
        "intent submitting partial expired",
        "intent submitting unknown accepted filled",
        "intent submitting unknown resubmit_ok submitting filled",
        "intent submitting resubmit_ok denied",
        "intent submitting unknown manual_review resubmit_ok submitting filled",
        "intent submitting unknown manual_review filled",
    ],
)
def test_an_order_may_go_the_ways_of_its_life(way: str) -> None:
    states = [OrderState(state) for state in way.split()]

    for current, following in pairwise(states):
        order_states.require_transition(current, following)

    assert order_states.is_final(states[-1])


@pytest.mark.parametrize(
    ("current", "following"),
    [
        ("intent", "filled"),  # nothing fills that was not sent
        ("intent", "accepted"),
        ("submitting", "intent"),  # it may have arrived
        ("submitting", "denied"),  # denied means we did not send
        ("submitting", "submitting"),
        ("unknown", "submitting"),  # looked up first, never sent again
        ("accepted", "intent"),
        ("partial", "rejected"),  # something was traded
        ("partial", "accepted"),
        ("manual_review", "intent"),
        ("manual_review", "submitting"),
    ],
)
def test_other_ways_are_refused(current: str, following: str) -> None:
    with pytest.raises(TransitionForbidden, match=f"from {current} to {following}"):
        order_states.require_transition(OrderState(current), OrderState(following))


@pytest.mark.parametrize("state", list(OrderState))
def test_nothing_leaves_a_final_state(state: OrderState) -> None:
    assert order_states.is_final(state) == (state in FINAL)
    if state in FINAL:
        for following in OrderState:
            with pytest.raises(TransitionForbidden):
                order_states.require_transition(state, following)
