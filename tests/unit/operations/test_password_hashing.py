"""Which passwords are taken, and what their hashes say."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from domain.passwords import MAX_LENGTH, MIN_LENGTH, PasswordRefused, require_good
from operations import password_hashing


@pytest.mark.parametrize(
    "password",
    [
        "tall ships sail at dawn",
        "ñandú über größe",
        "x7#" * 4 + "!",
        "passwordless is nice",
        "a" * 11 + "b",
        "  spaces  are fine  ",
    ],
)
def test_long_passwords_are_taken_whatever_they_are_made_of(password: str) -> None:
    require_good(password, name="alice")


@pytest.mark.parametrize("size", [0, 1, MIN_LENGTH - 1, MAX_LENGTH + 1, 100_000])
def test_a_password_that_is_too_short_or_too_long_is_refused(size: int) -> None:
    with pytest.raises(PasswordRefused, match=f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"):
        require_good(("tall ships " * 10_000)[:size], name="alice")


@pytest.mark.parametrize("size", [MIN_LENGTH, MAX_LENGTH])
def test_the_shortest_and_the_longest_are_taken(size: int) -> None:
    require_good(("tall ships sail at dawn, and " * 10)[:size], name="alice")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2026!",
        "PASSWORDPASSWORD",
        "administrator",
        "qwertyuiopas",
        "1234567890123",
        "0987654321098",
        "aaaaaaaaaaaa",
        "abcabcabcabca",
        "correcthorsebatterystaple",
        "letmein!!!!!!",
        "orchestrator99",
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused, match="attackers try first"):
        require_good(password, name="alice")


@pytest.mark.parametrize("password", ["Robert.Smith@x", "x@htims.trebor", "robert.smith@x2026!"])
def test_the_users_own_name_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused, match="must not be the user's name"):
        require_good(password, name="robert.smith@x")


def test_a_hash_is_argon2id_with_64_megabytes_and_three_rounds_and_a_salt_of_its_own() -> None:
    first, second = password_hashing.hash_password("tall ships"), password_hashing.hash_password("tall ships")

    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert password_hashing.matches_hash(first, "tall ships")
    assert not password_hashing.matches_hash(first, "tall ship")
    assert not password_hashing.is_outdated(first)


def test_a_hash_with_weaker_parameters_is_outdated_and_still_matches() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("tall ships")

    assert password_hashing.is_outdated(weak)
    assert password_hashing.matches_hash(weak, "tall ships")


@pytest.mark.parametrize("stored", [None, "", "x", "$argon2id$v=19$m=1$"])
def test_without_a_readable_hash_nothing_matches(stored: str | None) -> None:
    assert not password_hashing.matches_hash(stored, "")
    assert not password_hashing.matches_hash(stored, "tall ships \ud800")


def test_a_password_matches_however_the_keyboard_composed_its_letters() -> None:
    assert password_hashing.matches_hash(
        password_hashing.hash_password("ma\u00f1ana por la ma\u00f1ana"), "man\u0303ana por la man\u0303ana"
    )
