"""What a signal is, and how its id comes about."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.signal import Direction, Stage, signal_id_for

TEXT = st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), max_size=30)
PARTS = st.tuples(TEXT, TEXT, TEXT)


def derive_id(parts: tuple[str, str, str]) -> UUID:
    book, source, signal_hash = parts
    return signal_id_for(book=book, source=source, signal_hash=signal_hash)


@pytest.mark.property_id(4, 8)
def test_the_id_of_an_alert_never_changes_between_versions() -> None:
    assert derive_id(("paper", "desk", "a" * 64)) == UUID("8bf50c4c-c7ed-5891-9a54-8de78147e8f6")


@pytest.mark.property_id(4)
@given(PARTS, PARTS)
def test_the_same_alert_is_the_same_signal_and_another_is_another(
    first: tuple[str, str, str], second: tuple[str, str, str]
) -> None:
    assert (derive_id(first) == derive_id(second)) == (first == second)


def test_the_id_is_a_name_based_uuid() -> None:
    assert derive_id(("paper", "desk", "hash")).version == 5


def test_where_one_part_ends_and_the_next_begins_matters() -> None:
    assert derive_id(("paper", "ab", "c")) != derive_id(("paper", "a", "bc"))


@given(st.sampled_from(Direction))
def test_a_direction_and_its_opposite_cancel(direction: Direction) -> None:
    assert direction.opposite.opposite is direction
    assert direction.sign + direction.opposite.sign == 0


def test_the_stages_follow_each_other() -> None:
    assert [stage.before for stage in Stage if stage is not Stage.RECEIVED] == list(Stage)[:-1]
