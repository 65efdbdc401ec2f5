"""The places for strangers at a form."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from app.access.login_slots import Crowd, Crowded


def test_there_are_only_so_many_places() -> None:
    crowd = Crowd(places=2, of_one_origin=2)

    with crowd.place("a"), crowd.place("b"), pytest.raises(Crowded), crowd.place("c"):
        pass


def test_one_origin_leaves_places_for_the_others() -> None:
    crowd = Crowd(places=4, of_one_origin=2)

    with ExitStack() as held:
        held.enter_context(crowd.place("a"))
        held.enter_context(crowd.place("a"))
        with pytest.raises(Crowded):
            held.enter_context(crowd.place("a"))

        held.enter_context(crowd.place("b"))


def test_a_place_is_given_back_whatever_happened_in_it() -> None:
    crowd = Crowd(places=1, of_one_origin=1)
    with pytest.raises(ValueError, match="x"), crowd.place("a"):
        raise ValueError("x")

    with crowd.place("a"), pytest.raises(Crowded), crowd.place("b"):
        pass


def test_who_holds_no_place_is_forgotten() -> None:
    crowd = Crowd()

    for number in range(100):
        with crowd.place(str(number)):
            pass

    assert dict(crowd._held) == {}  # noqa: SLF001 - there is no other way to see that nothing grows
