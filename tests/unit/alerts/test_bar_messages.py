"""Messages of a bar feed: what they are read as, and what is said of those that cannot be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from alerts import template
from alerts.understand import Understood, UnreadableAlert, understand, understand_all
from domain.bar_messages import BarMessage
from domain.intervals import Interval
from domain.signal import Instrument, InstrumentKind, NewSignal
from tests.support.webhook import SOURCE

FIRED = datetime(2026, 3, 2, 13, 0, 1, tzinfo=UTC)
VALUES = {
    "{{exchange}}": "BINANCE",
    "{{ticker}}": "BTCUSDT",
    "{{interval}}": "60",
    "{{time}}": "2026-03-02T12:00:00Z",
    "{{timenow}}": "2026-03-02T13:00:01Z",
    "{{open}}": "60000",
    "{{high}}": "60100.5",
    "{{low}}": "59900",
    "{{close}}": "60050",
    "{{volume}}": "12.5",
}


def as_sent(**changes: Any) -> bytes:
    """Return the template as TradingView sends it, with fields changed; None leaves one out."""
    text = template.bar_message()
    for placeholder, value in VALUES.items():
        text = text.replace(placeholder, value)
    message = json.loads(text) | changes
    return json.dumps({name: value for name, value in message.items() if value is not None}).encode()


def read(body: bytes, *, received_at: datetime | None = FIRED) -> Understood:
    (part,) = understand_all(body, SOURCE, received_at=received_at)
    return part


def test_the_template_is_read_as_a_bar_and_never_as_a_signal() -> None:
    message = read(as_sent())

    assert isinstance(message, BarMessage)
    assert message.instrument == Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
    assert message.interval == Interval.parse("1h")
    assert message.bar.open_time == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert message.closes_at == datetime(2026, 3, 2, 13, tzinfo=UTC)
    prices = (message.bar.open, message.bar.high, message.bar.low, message.bar.close, message.bar.volume)
    assert prices == tuple(Decimal(text) for text in ("60000", "60100.5", "59900", "60050", "12.5"))
    assert understand(as_sent(), SOURCE, received_at=FIRED) == []


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"high": "59000"}, "high", "59000 is below low, 59900"),
        ({"close": "61000"}, "close", "61000 is not between low, 59900, and high, 60100.5"),
        ({"open": "1"}, "open", "1 is not between low"),
        ({"low": None}, "low", "is required, a price such as 60000.5; TradingView's placeholder is {{low}}"),
        ({"low": "0"}, "low", "above"),
        ({"interval": None}, "interval", "is required"),
        ({"time": None}, "time", "is required: when the bar opened"),
        ({"ticker": None}, "symbol", "is required"),
        ({"time": "2026-03-02T13:00:00Z"}, "time", "closes at 2026-03-02 14:00:00 UTC, after the alert fired: let the"),
        (
            {"ticker": "{{exchange}}:{{ticker}}"},
            "symbol",
            "TradingView did not replace {{exchange}} in ticker, {{ticker}}",
        ),
        ({"high": "{{high}}"}, "high", "TradingView did not replace {{high}} in high"),
    ],
)
def test_a_bad_bar_is_refused_with_what_is_wrong_with_which_field(
    changes: dict[str, Any], field: str, why: str
) -> None:
    refused = read(as_sent(**changes))

    assert isinstance(refused, UnreadableAlert)
    assert refused.is_bar
    assert any(why in text for text in refused.errors[field]), refused.errors


@pytest.mark.parametrize("volume", [None, "", "NaN", "na", "-1"])
def test_a_bar_is_not_lost_for_its_volume(volume: str | None) -> None:
    message = read(as_sent(volume=volume))

    assert isinstance(message, BarMessage)
    assert message.bar.volume is None


def test_a_bar_that_claims_to_close_in_the_future_is_refused_whatever_its_firing_time() -> None:
    early = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)

    assert isinstance(read(as_sent(), received_at=early), UnreadableAlert)
    assert isinstance(read(as_sent(), received_at=None), BarMessage)


def test_a_message_that_says_what_to_do_is_a_signal_whatever_it_carries() -> None:
    signal = read(as_sent(action="buy"))

    assert isinstance(signal, NewSignal)


def test_a_test_message_is_a_bar_of_the_test_book() -> None:
    message = read(as_sent(is_test=True))

    assert isinstance(message, BarMessage)
    assert message.book == "test"
