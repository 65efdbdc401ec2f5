"""Which books belong to replays."""

from __future__ import annotations

import pytest

from domain.books import STANDING_BOOKS, is_replay_book


@pytest.mark.parametrize("book", [*STANDING_BOOKS, "", "replay", "a replay:0123456789ab"])
def test_a_book_without_the_prefix_belongs_to_no_replay(book: str) -> None:
    assert not is_replay_book(book)


def test_a_book_with_the_prefix_belongs_to_a_replay() -> None:
    assert is_replay_book("replay:0123456789ab")
