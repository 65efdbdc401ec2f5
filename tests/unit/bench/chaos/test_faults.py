"""A seed names one sequence of faults, and every kind of fault comes up."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.chaos import faults
from bench.chaos.faults import InjectedFaultKind

SECONDS = 60.0


@given(seed=st.integers(0, 10_000), seconds=st.floats(3, 120))
def test_a_seed_names_one_sequence_that_ends_before_the_load_does(seed: int, seconds: float) -> None:
    drawn_faults = list(faults.draw_faults(seed, seconds=seconds))

    assert drawn_faults == list(faults.draw_faults(seed, seconds=seconds))
    assert all(faults.FIRST_AT_S <= fault.at_s < seconds - 1 for fault in drawn_faults)
    assert all(earlier.at_s < later.at_s for earlier, later in pairwise(drawn_faults))
    assert all(faults.SHORTEST_PAUSE_S <= fault.pause_s <= faults.LONGEST_PAUSE_S for fault in drawn_faults)


def test_twenty_seeds_bring_every_kind_of_fault() -> None:
    drawn_faults = {fault.kind for seed in range(1, 21) for fault in faults.draw_faults(seed, seconds=SECONDS)}

    assert drawn_faults == set(InjectedFaultKind)


def test_two_seeds_differ() -> None:
    assert list(faults.draw_faults(1, seconds=SECONDS)) != list(faults.draw_faults(2, seconds=SECONDS))
