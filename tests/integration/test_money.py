"""Money in the pipeline: what futures, pairs and instruments of another currency earn, and what is denied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from db import bars, books, verification
from domain.context import Bar, PriceSide
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from stack.servers import ServerUrls
from tasks import exit_tasks
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.pipeline import HOURLY, NOON, prepared, rows, run_all, store_signal

PLACES = Decimal("1E-10")
FDAX = Instrument(symbol="FDAX", exchange="EUREX", kind=InstrumentKind.FUTURE)


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


def add_bars(
    parts: Parts,
    symbol: str,
    *closes: str,
    until: datetime = NOON + timedelta(hours=1),
    side: PriceSide = PriceSide.MID,
    book: str = "paper",
) -> None:
    """Store hourly bars that end at `until`, each from the close before to its own."""
    feed = Feed(
        book=book,
        instrument=Instrument(symbol=symbol, exchange="", kind=InstrumentKind.UNKNOWN),
        interval=HOURLY,
        side=side,
    )
    prices = [Decimal(close) for close in closes]
    start = until - timedelta(hours=len(prices))
    made = [
        Bar(
            open_time=start + timedelta(hours=number),
            open=opened,
            high=max(opened, closed),
            low=min(opened, closed),
            close=closed,
            volume=None,
        )
        for number, (opened, closed) in enumerate(zip([prices[0], *prices[:-1]], prices, strict=True))
    ]
    with parts.transaction() as session:
        bars.add(session, feed, made)


def trade(parts: Parts, symbol: str, kind: str, *, quantity: str, stop: str, target: str, exchange: str = "") -> None:
    """Let both engines enter at noon with a stop and a target at these distances, and walk the day."""
    answer = answer_entering(quantity=quantity, stop=stop, targets=(target,))
    playing = replace(parts, engines=scripted_panel(answer, answer))
    signal_id = store_signal(parts.database, symbol=symbol, exchange=exchange, instrument_kind=kind, price=None)
    run_all(playing, [signal_id])
    exit_tasks.walk_book(playing, "paper", until=NOON + timedelta(hours=10))


def outcome_of_a(parts: Parts) -> dict[str, Any]:
    """Return A's model outcome on its own clock, with the fees of its fills and what they were counted in."""
    (outcome,) = rows(
        parts.database,
        """SELECT o.pnl, o.entry_price, o.exit_price, sum(f.fee) AS fees, min(f.currency) AS currency,
            max(f.rate) FILTER (WHERE f.intent = 'exit') AS exit_rate, min(t.multiplier) AS multiplier
        FROM trade_outcomes o JOIN trades t USING (trade_id) JOIN fills f USING (trade_id)
        WHERE o.engine = 'A' AND o.is_shadow AND o.exit_clock = 'own' AND f.exit_clock IN ('both', 'own')
        GROUP BY o.outcome_id""",
    )
    return outcome


def broken_rules(parts: Parts) -> list[str]:
    with parts.transaction() as session:
        return [finding.rule for finding in verification.check(session) if not finding.holds]


@pytest.mark.parametrize(("exchange", "fee_bps"), [("BINANCE", "10"), ("KRAKEN", "40")])
def test_each_fill_pays_the_fee_of_its_venue_in_both_ledgers_and_verify_recomputes_it(
    parts: Parts, exchange: str, fee_bps: str
) -> None:
    add_bars(parts, "BTCUSDT", "40000", "40000", "40000", "41000", until=NOON + timedelta(hours=2))

    trade(parts, "BTCUSDT", "spot", quantity="0.01", stop="4000", target="500", exchange=exchange)

    booked = rows(parts.database, "SELECT fill_id, venue, price, quantity, fee, fill_model FROM fills")
    assert {fill["venue"] for fill in booked} == {"model", "paper"}
    for fill in booked:
        assert abs(fill["fee"] - fill["price"] * fill["quantity"] * Decimal(fee_bps) / 10_000) < PLACES
        assert fill["fill_model"] == "fm2+costs1"
    assert broken_rules(parts) == []
    with parts.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE fills SET fee = fee / 2 WHERE fill_id = :id"), {"id": booked[0]["fill_id"]})
    assert "fills_recompute_from_quotes" in broken_rules(parts)


def test_one_euro_future_earns_125_000_times_the_move(parts: Parts) -> None:
    add_bars(parts, "6E", "1.0850", "1.0850", "1.0850", "1.0950", until=NOON + timedelta(hours=2))

    trade(parts, "6E", "future", quantity="1", stop="0.05", target="0.0050")

    outcome = outcome_of_a(parts)
    move = outcome["exit_price"] - outcome["entry_price"]
    assert (outcome["currency"], outcome["exit_rate"], outcome["multiplier"]) == ("USD", 1, 125_000)
    assert outcome["pnl"] == 125_000 * move - outcome["fees"]
    assert outcome["pnl"] > 500
    assert broken_rules(parts) == []


def test_two_s_and_p_contracts_over_ten_points_earn_a_thousand_dollars_less_fees(parts: Parts) -> None:
    add_bars(parts, "ES", "5000", "5000", "5000", "5050", until=NOON + timedelta(hours=2))

    trade(parts, "ES", "future", quantity="2", stop="100", target="10", exchange="CME_MINI")

    outcome = outcome_of_a(parts)
    points = outcome["exit_price"] - outcome["entry_price"]
    assert outcome["pnl"] == points * 100 - outcome["fees"]
    assert 900 < outcome["pnl"] + outcome["fees"] <= 1000


def test_yen_become_dollars_at_the_exit_to_the_last_digit(parts: Parts) -> None:
    add_bars(parts, "USDJPY", "145", "145", "145", "150", until=NOON + timedelta(hours=2))

    trade(parts, "USDJPY", "forex", quantity="10000", stop="10", target="2", exchange="FX")

    outcome = outcome_of_a(parts)
    in_yen = 10_000 * (outcome["exit_price"] - outcome["entry_price"]) - outcome["fees"]
    assert outcome["currency"] == "JPY"
    assert outcome["pnl"] == (in_yen / outcome["exit_price"]).quantize(PLACES)
    assert 100 < outcome["pnl"] < 140
    assert broken_rules(parts) == []


def test_euros_become_dollars_at_the_series_of_the_book_as_of_the_exit(parts: Parts) -> None:
    add_bars(parts, "FDAX", "18000", "18000", "18000", "18000", "18200", until=NOON + timedelta(hours=3))
    add_bars(parts, "EURUSD", "1.10", "1.10", "1.10", "1.12", "1.30", until=NOON + timedelta(hours=3))

    trade(parts, "FDAX", "future", quantity="1", stop="500", target="100", exchange="EUREX")

    outcome = outcome_of_a(parts)
    in_euros = 25 * (outcome["exit_price"] - outcome["entry_price"]) - outcome["fees"]
    assert (outcome["currency"], outcome["multiplier"]) == ("EUR", 25)
    assert outcome["pnl"] == (in_euros * outcome["exit_rate"]).quantize(PLACES)
    entry_rates = rows(parts.database, "SELECT DISTINCT rate FROM fills WHERE intent = 'entry'")
    exit_rates = rows(parts.database, "SELECT DISTINCT rate FROM fills WHERE intent = 'exit'")
    assert [row["rate"] for row in entry_rates] == [Decimal("1.10")]
    assert [row["rate"] for row in exit_rates] == [Decimal("1.30")]
    assert broken_rules(parts) == []


@pytest.mark.parametrize(
    ("symbol", "kind", "exchange", "denial"),
    [
        ("FDAX", "future", "EUREX", "no_rate"),
        ("SBIN", "stock", "NSE", "no_rate"),
        ("XYZ", "future", "", "unknown_multiplier"),
        ("SI", "future", "MCX", "unknown_multiplier"),
        ("AAPL", "option", "", "unknown_multiplier"),
        ("BTCUSD", "perp", "BYBIT", "unknown_multiplier"),
    ],
)
def test_what_cannot_be_counted_is_denied_in_both_ledgers(
    parts: Parts, symbol: str, kind: str, exchange: str, denial: str
) -> None:
    add_bars(parts, symbol, "100", "100", "100", "120", until=NOON + timedelta(hours=2))

    trade(parts, symbol, kind, quantity="1", stop="10", target="5", exchange=exchange)

    found = rows(parts.database, "SELECT status, denial, is_shadow FROM trades")
    assert len(found) == 3
    assert {(row["status"], row["denial"]) for row in found} == {("denied", denial)}
    assert rows(parts.database, "SELECT * FROM fills") == []
    (context,) = rows(parts.database, "SELECT quality FROM market_contexts")
    missing = "rate" if denial == "no_rate" else "multiplier"
    assert context["quality"][missing] == "missing"
    assert broken_rules(parts) == []


def test_a_stable_coin_counts_as_its_currency_unless_a_series_says_otherwise(parts: Parts) -> None:
    add_bars(parts, "BTCUSDT", "30000", "30000", "30000", "30500", until=NOON + timedelta(hours=2))
    add_bars(parts, "ETHUSDC", "2000", "2000", "2000", "2050", until=NOON + timedelta(hours=2))
    add_bars(parts, "USDCUSD", "0.97", "0.97", "0.97", "0.96", until=NOON + timedelta(hours=2))

    trade(parts, "BTCUSDT", "spot", quantity="1", stop="5000", target="100")
    trade(parts, "ETHUSDC", "spot", quantity="1", stop="500", target="10")

    found = rows(
        parts.database,
        """SELECT DISTINCT symbol, f.currency, conversion, f.rate FROM fills f JOIN trades USING (trade_id)
        WHERE intent = 'exit' ORDER BY symbol""",
    )
    assert [tuple(row.values()) for row in found] == [
        ("BTCUSDT", "USDT", "same", Decimal(1)),
        ("ETHUSDC", "USDC", "stored", Decimal("0.96")),
    ]
    assert broken_rules(parts) == []


def test_the_context_says_what_the_instrument_is_counted_in(parts: Parts) -> None:
    add_bars(parts, "USDJPY", "145", "150", "150")

    trade(parts, "USDJPY", "forex", quantity="1", stop="10", target="5", exchange="FX")

    (context,) = rows(parts.database, "SELECT rest FROM market_contexts")
    rules = context["rest"]["rules"]
    assert (rules["currency"], rules["base_currency"], rules["conversion"]) == ("JPY", "USD", "own_price")
    assert (rules["multiplier"], rules["tick"], rules["calendar"]) == ("1", "0.001", "24/5")
    assert Decimal(rules["rate"]).quantize(Decimal("1E-6")) == Decimal("0.006667")


@pytest.mark.parametrize(("age_days", "denial"), [(6, None), (8, "no_rate")])
def test_a_rate_may_be_a_few_days_old_and_no_older(parts: Parts, age_days: int, denial: str | None) -> None:
    add_bars(parts, "FDAX", "18000", "18000", "18000")
    add_bars(parts, "EURUSD", "1.10", "1.10", until=NOON - timedelta(days=age_days))

    trade(parts, "FDAX", "future", quantity="1", stop="500", target="100", exchange="EUREX")

    assert {row["denial"] for row in rows(parts.database, "SELECT denial FROM trades")} == {denial}


@pytest.mark.parametrize(
    ("symbols", "rate"),
    [
        # 18,000 yen for 120 dollars, of which 1.20 are a euro: 100 euros.
        ({"USDJPY": "150", "EURUSD": "1.20"}, "0.00555556"),
        ({"USDJPY": "150", "EURUSD": "1.20", "EURJPY": "160"}, "0.00625"),
        ({"USDJPY": "150"}, None),
        ({"EURUSD": "1.20"}, None),
    ],
)
def test_a_rate_may_come_through_a_third_currency_where_no_pair_of_the_two_is_stored(
    parts: Parts, symbols: dict[str, str], rate: str | None
) -> None:
    with parts.transaction() as session:
        books.create_replay(session, "replay:eur", cursor=NOON, base_currency="EUR")
    for symbol, close in symbols.items():
        add_bars(parts, symbol, close, close, book="replay:eur")

    found = parts.rates.find("replay:eur", "JPY", at=NOON + timedelta(hours=2), instrument=FDAX)

    assert (None if found is None else found.quantize(Decimal("1E-8"))) == (None if rate is None else Decimal(rate))


def test_yen_in_a_book_of_dollars_are_counted_through_euros_and_verify_agrees(parts: Parts) -> None:
    add_bars(parts, "NK225", "30000", "30000", "30000", "30500", until=NOON + timedelta(hours=2))
    add_bars(parts, "EURJPY", "160", "160")
    add_bars(parts, "EURUSD", "1.20", "1.20")

    with parts.transaction() as session:
        session.execute(
            text(
                "INSERT INTO instruments (symbol, exchange, kind, currency, multiplier, description, origin)"
                " VALUES ('NK225', 'OSE', 'future', 'JPY', 500, '', 'user')"
            )
        )
    trade(parts, "NK225", "future", quantity="1", stop="1000", target="200", exchange="OSE")

    outcome = outcome_of_a(parts)
    in_yen = 500 * (outcome["exit_price"] - outcome["entry_price"]) - outcome["fees"]
    assert (outcome["currency"], outcome["exit_rate"]) == ("JPY", Decimal("0.0075"))
    assert outcome["pnl"] == (in_yen * Decimal("0.0075")).quantize(PLACES)
    assert broken_rules(parts) == []


def test_a_rate_from_both_sides_of_a_pair_is_the_one_between(parts: Parts) -> None:
    for side, close in ((PriceSide.BID, "1.10"), (PriceSide.ASK, "1.12")):
        add_bars(parts, "EURUSD", close, close, side=side)

    assert parts.rates.find("paper", "EUR", at=NOON + timedelta(hours=2), instrument=FDAX) == Decimal("1.11")
