"""The slots for strangers at a form."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from app.access.login_slots import LoginSlots, TooManyLogins


def test_there_are_only_so_many_places() -> None:
    crowd = LoginSlots(slots=2, per_origin=2)

    with crowd.hold_slot("a"), crowd.hold_slot("b"), pytest.raises(TooManyLogins), crowd.hold_slot("c"):
        pass


def test_one_origin_leaves_places_for_the_others() -> None:
    crowd = LoginSlots(slots=4, per_origin=2)

    with ExitStack() as held:
        held.enter_context(crowd.hold_slot("a"))
        held.enter_context(crowd.hold_slot("a"))
        with pytest.raises(TooManyLogins):
            held.enter_context(crowd.hold_slot("a"))

        held.enter_context(crowd.hold_slot("b"))


def test_a_place_is_given_back_whatever_happened_in_it() -> None:
    crowd = LoginSlots(slots=1, per_origin=1)
    with pytest.raises(ValueError, match="x"), crowd.hold_slot("a"):
        raise ValueError("x")

    with crowd.hold_slot("a"), pytest.raises(TooManyLogins), crowd.hold_slot("b"):
        pass


def test_who_holds_no_place_is_forgotten() -> None:
    crowd = LoginSlots()

    for number in range(100):
        with crowd.hold_slot(str(number)):
            pass

    assert dict(crowd._held) == {}  # noqa: SLF001 - there is no other way to see that nothing grows
