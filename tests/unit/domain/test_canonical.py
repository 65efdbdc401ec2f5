"""One spelling per value."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import canonical

_MOMENT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


class _Colour(Enum):
    RED = "red"


class _Rank(IntEnum):
    FIRST = 1


def test_a_document_of_every_kind_has_exactly_these_bytes() -> None:
    document: dict[object, object] = {
        "z": None,
        "at": _MOMENT,
        "flags": (True, False),
        "enum": _Colour.RED,
        "rank": _Rank.FIRST,
        "id": UUID(int=7),
        "money": Decimal("1.50"),
        "count": 3,
        "word": "é",
        _Colour.RED: [],
    }

    written = canonical.dumps(document)

    assert written == (
        b'{"at":"2026-01-05T14:30:00.000000Z","count":"3","enum":"red","flags":[true,false],'
        b'"id":"00000000-0000-0000-0000-000000000007","money":"1.5","rank":"1","red":[],"word":"\\u00e9","z":null}'
    )


def test_the_digest_is_sha256_of_the_bytes() -> None:
    assert canonical.digest({"a": 1}) == hashlib.sha256(b'{"a":"1"}').hexdigest()


def test_the_order_of_keys_does_not_change_the_bytes() -> None:
    assert canonical.dumps({"b": 1, "a": {"d": 2, "c": 3}}) == canonical.dumps({"a": {"c": 3, "d": 2}, "b": 1})


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("1.10", "1.1"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1.0E-7", "0.0000001"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0E-9", "0"),
        ("-1.50", "-1.5"),
        ("0.1234567890123456789012345678901234567", "0.1234567890123456789012345678901234567"),
    ],
)
def test_a_decimal_has_one_spelling(written: str, spelled: str) -> None:
    assert canonical.format_number(Decimal(written)) == spelled


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_a_spelled_decimal_is_the_same_number_and_equal_numbers_are_spelled_alike(number: Decimal) -> None:
    spelled = canonical.format_number(number)

    assert Decimal(spelled) == number
    assert canonical.format_number(Decimal(f"{number:f}" + ("0" if "." in f"{number:f}" else ".0"))) == spelled


def test_the_same_moment_in_another_zone_is_spelled_alike() -> None:
    elsewhere = _MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert canonical.format_time(elsewhere) == "2026-01-05T14:30:00.000000Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_spelled_moment_reads_back(at: datetime) -> None:
    assert canonical.parse_time(canonical.format_time(at)) == at


def test_a_moment_without_z_is_refused() -> None:
    with pytest.raises(ValueError, match="not a time in UTC"):
        canonical.parse_time("2026-01-05T14:30:00.000000+01:00")


@pytest.mark.parametrize("value", [1.5, {"a": [0.0]}, {1: "a"}, b"bytes", {"a": {1, 2}}])
def test_what_has_no_single_spelling_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical.dumps(value)


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("-Infinity"), _MOMENT.replace(tzinfo=None), {"red": 1, _Colour.RED: 2}]
)
def test_a_value_that_would_be_ambiguous_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"spelling|time zone|alike"):
        canonical.dumps(value)


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_values)
def test_canonical_values_read_from_json_keep_their_digest(value: object) -> None:
    stored = json.loads(canonical.dumps(value))

    assert canonical.dumps(stored) == canonical.dumps(value)
