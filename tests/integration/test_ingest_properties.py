"""What holds for every body, over HTTP and down to the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.understand import understand
from db import intake
from db.intake import Arrival
from domain.intervals import Interval
from domain.signal import Action, Direction, InstrumentKind, NewSignal, Position
from tests.support.webhook import SOURCE, WebhookApp, start_webhook_app

# The rows of all examples may stand in one database: each example looks for its own.
over_one_database = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
scalars = text | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
values = scalars | st.none() | st.lists(scalars, max_size=2) | st.dictionaries(text, scalars, max_size=2)
prices = st.decimals(Decimal("1e-12"), Decimal("1e12"), allow_nan=False, allow_infinity=False).filter(
    lambda one: len(one.as_tuple().digits) <= 60
)


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


@st.composite
def valid_alerts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an alert with all that is required and any of what is optional."""
    return {
        "symbol": draw(st.from_regex(r"[A-Z]{3,8}", fullmatch=True)),
        "action": draw(st.sampled_from(["buy", "short", "exit_long", "close short"])),
        "id": str(uuid4()),
        "price": draw(st.none() | prices.map(str)),
        "timeframe": draw(st.sampled_from(["", "5", "1h", "D", "M"])),
        "timenow": draw(st.none() | st.integers(1_600_000_000, 1_700_000_000)),
        "confidence": draw(st.none() | st.integers(0, 100)),
        "strategy": draw(st.sampled_from(["", "orb", "Ω strategy"])),
        "sequence": draw(st.none() | st.integers(0, 2**53)),
        "extra": draw(values),
    }


def standing(webhook: WebhookApp, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that an answer speaks of."""
    return webhook.rows(
        "SELECT signal_id AS id, raw_body FROM signals WHERE signal_id = CAST(:signal AS uuid)"
        " UNION ALL SELECT event_id, raw_body FROM webhook_events WHERE event_id = CAST(:event AS uuid)",
        signal=document.get("signal_id"),
        event=document.get("event_id"),
    )


@pytest.mark.property_id(39)
@over_one_database
@given(body=st.binary(max_size=200) | st.dictionaries(text, values).map(lambda one: json.dumps(one).encode()))
def test_no_bytes_give_a_500_and_none_vanish(webhook: WebhookApp, body: bytes) -> None:
    status, document = webhook.post(body)

    assert status in (200, 422)
    assert [row["raw_body"] for row in standing(webhook, document)] == [body]


@pytest.mark.property_id(22)
@over_one_database
@given(alert=valid_alerts(), broken=st.sampled_from(["symbol", "action", "price", "timeframe", "timenow"]))
def test_what_lacks_a_required_field_or_has_an_unreadable_one_is_refused_by_its_name(
    webhook: WebhookApp, alert: dict[str, Any], broken: str
) -> None:
    required = {"symbol": "", "action": ""}
    unneeded_by_exits = {
        "price": "price_unreadable",
        "timeframe": "timeframe_unreadable",
        "timenow": "time_unreadable",
    }

    status, document = webhook.post(alert | {broken: required.get(broken, "unreadable")})

    if alert["action"] in ("exit_long", "close short") and broken in unneeded_by_exits:
        assert (status, document["status"]) == (200, "accepted")
        assert unneeded_by_exits[broken] in document["flags"]
        return
    assert (status, document["status"]) == (422, "quarantined")
    assert list(document["errors"]) == ["direction" if broken == "action" else broken]
    assert len(standing(webhook, document)) == 1


@pytest.mark.property_id(1)
@pytest.mark.property_id(23)
@over_one_database
@given(alert=valid_alerts())
def test_a_valid_alert_is_stored_with_all_its_fields(webhook: WebhookApp, alert: dict[str, Any]) -> None:
    status, document = webhook.post(alert)

    assert (status, document["status"]) == (200, "accepted")
    [row] = webhook.rows("SELECT * FROM signals WHERE signal_id = CAST(:id AS uuid)", id=document["signal_id"])
    assert row["symbol"] == alert["symbol"]
    assert row["action"] == ("entry" if alert["action"] in ("buy", "short") else "exit")
    assert row["direction"] == ("long" if alert["action"] in ("buy", "exit_long") else "short")
    assert row["price"] == (Decimal(alert["price"]) if alert["price"] is not None else None)
    assert row["confidence"] == alert["confidence"]
    assert row["strategy"] == alert["strategy"]
    assert row["sequence"] == alert["sequence"]
    assert row["timeframe"] == {"": None, "5": "5m", "1h": "1h", "D": "1d", "M": "1mo"}[alert["timeframe"]]
    expected = datetime.fromtimestamp(alert["timenow"], UTC) if alert["timenow"] is not None else None
    assert row["timestamp"] == row["event_at"] == expected
    assert (row["signal_hash"], row["book"], row["source"]) == (document["signal_hash"], "paper", "desk")
    assert row["raw_payload"]["id"] == alert["id"]


@pytest.mark.property_id(24)
@over_one_database
@given(alert=valid_alerts(), times=st.integers(2, 4))
def test_however_often_an_alert_comes_there_is_one_row(webhook: WebhookApp, alert: dict[str, Any], times: int) -> None:
    answers = [webhook.post(alert)[1] for _ in range(times)]

    assert [answer["status"] for answer in answers] == ["accepted"] + ["duplicate"] * (times - 1)
    assert len({answer["signal_id"] for answer in answers}) == 1
    assert len(webhook.rows("SELECT FROM signals WHERE raw_payload->>'id' = :id", id=alert["id"])) == 1


extreme_times = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
extreme_numbers = st.sampled_from(
    [Decimal("1e-30"), Decimal("1e30"), Decimal("9" * 30), Decimal("0." + "0" * 29 + "1")]
)


@pytest.mark.property_id(42)
@over_one_database
@given(data=st.data())
def test_extreme_values_of_every_field_survive_the_database(webhook: WebhookApp, data: st.DataObject) -> None:
    [plain] = understand(b'{"symbol": "A", "action": "buy", "id": "x"}', SOURCE)
    assert isinstance(plain, NewSignal)
    long_text = st.one_of(
        text, st.sampled_from(["x" * 10_000, "Ω" * 5_000, "'; DROP TABLE signals; --", "\\", "{}", ""])
    )
    signal = replace(
        plain,
        strategy=data.draw(long_text),
        symbol=data.draw(long_text),
        exchange=data.draw(long_text),
        instrument_kind=data.draw(st.sampled_from(InstrumentKind)),
        direction=data.draw(st.sampled_from(Direction)),
        action=data.draw(st.sampled_from(Action)),
        timeframe=data.draw(st.sampled_from([None, Interval.parse("1s"), Interval.parse("99999mo")])),
        timestamp=data.draw(st.none() | extreme_times),
        event_at=data.draw(st.none() | extreme_times),
        price=data.draw(st.none() | extreme_numbers | prices),
        confidence=data.draw(st.none() | extreme_numbers),
        sequence=data.draw(st.none() | st.sampled_from([0, 2**53])),
        position_before=data.draw(st.sampled_from([None, *Position])),
        position_after=data.draw(st.sampled_from([None, *Position])),
        content_hash=uuid4().hex,
        raw_body=data.draw(st.binary(max_size=500)),
        raw_payload=data.draw(st.dictionaries(text, values)) | {"n": Decimal("1e400"), "m": 10**400},
    )

    receipt = stored(webhook, signal)

    [row] = webhook.rows("SELECT * FROM signals WHERE signal_id = :id", id=receipt)
    for name in (
        "strategy",
        "symbol",
        "exchange",
        "timestamp",
        "event_at",
        "price",
        "confidence",
        "sequence",
        "raw_body",
    ):
        assert row[name] == getattr(signal, name), name
    for name in ("position_before", "position_after"):
        found = getattr(signal, name)
        assert row[name] == (found.value if found is not None else None), name
    assert row["timeframe"] == (str(signal.timeframe) if signal.timeframe is not None else None)
    assert set(row["raw_payload"]) == set(signal.raw_payload)


def stored(webhook: WebhookApp, signal: NewSignal) -> UUID:
    """Store a signal and return its id."""
    with webhook.database.transaction() as session:
        [receipt] = intake.record(session, [Arrival(signal=signal, max_lag_s=300)], now=datetime.now(UTC))
    assert receipt.is_new
    return receipt.signal_id


def test_a_clock_that_goes_back_makes_no_second_signal_of_an_identical_body(webhook: WebhookApp) -> None:
    [signal] = understand(b'{"symbol": "A", "action": "buy"}', SOURCE)
    assert isinstance(signal, NewSignal)
    noon, receipts = datetime(2024, 1, 31, 12, tzinfo=UTC), []

    for now in (noon, noon - timedelta(minutes=10)):
        with webhook.database.transaction() as session:
            receipts += intake.record(session, [Arrival(signal=signal, max_lag_s=300)] * 2, now=now)

    assert [receipt.is_new for receipt in receipts] == [True, False, False, False]
    assert len({receipt.signal_id for receipt in receipts}) == 1
