"""At which price alerts of any second of a bar are filled, through the stages of the pipeline on the real database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from domain.context import PriceBasis, Quality, Quote
from domain.signal import Instrument, InstrumentKind
from stack.servers import ServerUrls
from tasks import entry_prices, order_submission
from tasks.parts import Parts
from tests.support.fakes.dying_workers import WorkerDied
from tests.support.pipeline import prepared
from tests.support.replayed_book import ReplayedBook, bars_of, list_violations

HOURLY = """
    2024-01-05T08:00:00+00:00 100 101 99 100
    2024-01-05T09:00:00+00:00 100 101 99 100
    2024-01-05T10:00:00+00:00 100 120 99 119
    2024-01-05T11:00:00+00:00 119 121 118 120
    2024-01-05T12:00:00+00:00 120 121 118 119
    2024-01-05T13:00:00+00:00 119 120 118 119
"""
DAILY = """
    2024-01-04T14:30:00+00:00 99 101 98 100
    2024-01-05T14:30:00+00:00 100 110.5 99.5 110
    2024-01-08T14:30:00+00:00 111 112 110 111
    2024-01-09T14:30:00+00:00 111 113 110 112
    2024-01-10T14:30:00+00:00 112 113 111 112
"""
# Half the spread and the slippage of a market order: 1 bps for a pair, 2 for a stock.
COST = Decimal("0.00021")


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


@pytest.fixture
def hourly(parts: Parts) -> ReplayedBook:
    """Give a book with hourly bars of BTCUSDT, whose engines enter with a stop 50 below the price."""
    book = ReplayedBook(parts=parts)
    book.load({"1h": bars_of(HOURLY, interval="1h")})
    book.enter_with(quantity="10", stop="50", targets=(), hours=1000)
    return book


def near(price: str) -> Callable[[Decimal], bool]:
    """Return a check that a fill is at this price, give or take what it costs to trade."""
    return lambda filled: abs(filled - Decimal(price)) <= Decimal(price) * COST


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-01-05T{text}").replace(tzinfo=UTC)


def test_an_alert_within_a_bar_fills_at_its_own_price_and_never_at_the_bars_open(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T10:55:00+00:00", price="118")
    hourly.exit("2024-01-05T13:00:00+00:00", price="119")

    entry, leaving = hourly.fills()

    assert near("118")(entry["price"])
    assert (entry["price_basis"], entry["filled_at"]) == ("alert", moment("10:55:00.5"))
    assert near("119")(leaving["price"])
    assert (leaving["price_basis"], leaving["filled_at"]) == ("open", moment("13:00:00"))
    # 10 for ten coins over one point, less 10 bps of 1,180 and of 1,190, and about 1 bps of each for the spread.
    assert Decimal("7.3") < hourly.outcome()["pnl"] < Decimal("7.5")
    assert list_violations(hourly.parts) == []


def test_an_alert_within_a_bar_without_a_price_waits_for_the_next_open(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T10:55:00+00:00")
    before = hourly.fills()
    waiting = hourly.trades()
    hourly.end("2024-01-05T14:00:00+00:00")

    entry, leaving = hourly.fills()

    assert before == []
    assert {trade["status"] for trade in waiting} == {"pending"}
    assert near("119")(entry["price"])
    assert (entry["price_basis"], entry["filled_at"]) == ("next_open", moment("11:00:00"))
    assert leaving["price_basis"] == "close"
    assert [fill["filled_at"] for fill in hourly.fills(is_shadow=False)] == [entry["filled_at"], leaving["filled_at"]]
    assert list_violations(hourly.parts) == []


def test_an_alert_at_a_bars_open_without_a_price_fills_at_that_open(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T11:00:01+00:00")

    (entry,) = hourly.fills()

    assert near("119")(entry["price"])
    assert (entry["price_basis"], entry["filled_at"]) == ("open", moment("11:00:01.5"))


def test_a_price_of_an_alert_that_fired_long_before_it_came_fills_nothing(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T10:55:00+00:00", price="118", fired_at="2024-01-05T10:54:50+00:00")
    hourly.move_to(moment("11:00:00"))

    (entry,) = hourly.fills()

    assert (entry["price_basis"], entry["filled_at"]) == ("next_open", moment("11:00:00"))


def test_a_price_far_from_the_market_fills_nothing(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T10:55:00+00:00", price="190")
    hourly.move_to(moment("11:00:00"))

    (entry,) = hourly.fills()

    assert (entry["price_basis"], near("119")(entry["price"])) == ("next_open", True)


def test_an_exit_before_its_entrys_price_came_cancels_the_entry(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T10:50:00+00:00")
    hourly.exit("2024-01-05T10:55:00+00:00")
    hourly.end("2024-01-05T14:00:00+00:00")

    assert hourly.fills() == []
    assert {(trade["status"], trade["denial"]) for trade in hourly.trades()} == {("denied", "exit_before_fill")}
    assert (hourly.outcome()["pnl"], hourly.outcome()["exit_reason"]) == (0, "exit_before_fill")
    assert list_violations(hourly.parts) == []


def test_an_exit_within_a_bar_without_a_price_fills_at_the_next_open(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T09:00:00+00:00")
    hourly.exit("2024-01-05T10:55:00+00:00")
    hourly.end("2024-01-05T14:00:00+00:00")

    _, leaving = hourly.fills()

    assert (leaving["price_basis"], leaving["filled_at"]) == ("next_open", moment("11:00:00"))
    assert near("119")(leaving["price"])
    assert hourly.outcome()["exit_reason"] == "exit_signal"


def test_an_entry_that_never_finds_a_price_is_denied_when_the_data_end(hourly: ReplayedBook) -> None:
    hourly.alert("2024-01-05T13:55:00+00:00")
    hourly.end("2024-01-05T14:00:00+00:00")

    assert {trade["denial"] for trade in hourly.trades()} == {"data_ended_before_fill"}


def test_a_real_entry_is_sent_though_whoever_entered_it_died_before(
    hourly: ReplayedBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Parts, order_ids: Collection[UUID]) -> None:
        if order_ids:
            raise WorkerDied

    hourly.alert("2024-01-05T10:55:00+00:00")
    with monkeypatch.context() as patched:
        patched.setattr(order_submission, "submit", die)
        with pytest.raises(WorkerDied):
            hourly.move_to(moment("11:00:00"))
    unsent = hourly.fills(is_shadow=False)

    hourly.move_to(moment("12:00:00"))

    assert unsent == []
    assert [fill["filled_at"] for fill in hourly.fills(is_shadow=False)] == [moment("11:00:00")]
    assert list_violations(hourly.parts) == []


def test_a_price_that_comes_after_the_wait_is_over_enters_nothing(
    hourly: ReplayedBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = datetime(2024, 1, 6, 11, tzinfo=UTC)  # what waits at 10:55 waits for 24 hours
    quote = Quote(at=late, bid=None, ask=None, last=Decimal(119), quality=Quality.LIVE, basis=PriceBasis.LIVE)
    hourly.alert("2024-01-05T10:55:00+00:00")

    monkeypatch.setattr(entry_prices, "request_quotes", lambda _, requests: [quote for _ in requests])
    hourly.move_to(late)

    assert hourly.fills() == []
    assert {trade["denial"] for trade in hourly.trades()} == {"no_quote"}


def test_an_alert_after_the_close_of_a_daily_bar_trades_at_the_next_days_open(parts: Parts) -> None:
    nasdaq = Instrument(symbol="AAPL", exchange="NASDAQ", kind=InstrumentKind.STOCK)
    book = ReplayedBook(parts=parts, instrument=nasdaq, interval="1d")
    book.load({"1d": bars_of(DAILY, interval="1d")})
    book.enter_with(quantity="90", stop="20", targets=(), hours=10_000)

    book.alert("2024-01-05T21:00:01+00:00", price="110")
    book.exit("2024-01-09T21:00:01+00:00", price="112")
    book.end("2024-01-11T14:30:00+00:00")

    entry, leaving = book.fills()
    assert (near("111")(entry["price"]), entry["price_basis"]) == (True, "next_open")
    assert (near("112")(leaving["price"]), leaving["price_basis"]) == (True, "next_open")
    assert list_violations(parts) == []


def test_finer_bars_decide_what_happened_within_a_coarser_one(parts: Parts) -> None:
    minutes = [f"2024-01-05T10:{minute:02}:00+00:00 100 100 100 100" for minute in range(55)]
    minutes += [f"2024-01-05T10:{minute}:00+00:00 118 119 117 118" for minute in range(55, 60)]
    book = ReplayedBook(parts=parts)
    book.load({"1h": bars_of(HOURLY, interval="1h"), "1m": bars_of("\n".join(minutes), interval="1m")})
    book.enter_with(quantity="10", stop="10", targets=(), hours=1000)

    book.alert("2024-01-05T10:55:30+00:00", price="118")
    book.end("2024-01-05T14:00:00+00:00")

    entry, leaving = book.fills()
    assert entry["price_basis"] == "alert"
    # The hourly bar's low of 99 lies before the entry: no stop at 108 was touched.
    assert (book.outcome()["exit_reason"], near("119")(leaving["price"])) == ("end_of_data", True)
