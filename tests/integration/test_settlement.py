"""Trades from open to closed: walks, exit and opposite alerts, both clocks, and taking up half-done work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from db import bars, policies
from db.policies import PolicyChange
from domain.context import Bar, PriceSide
from domain.instruments import InstrumentTerms
from domain.policy import ExecutionMode
from domain.ports import Broker, Feed, OrderReport, SendWindow, VenuePosition
from domain.signal import Instrument, InstrumentKind
from domain.trade import Intent, Order
from stack.servers import ServerUrls
from tasks import exit_tasks
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, answer_reject, scripted_panel
from tests.support.pipeline import HOURLY, NOON, add_trend, prepared, rows, run_all, store_signal

FEED = Feed(
    book="paper",
    instrument=Instrument(symbol="BTCUSDT", exchange="", kind=InstrumentKind.UNKNOWN),
    interval=HOURLY,
    side=PriceSide.MID,
)
OUTCOMES = """SELECT engine, is_shadow, exit_clock, equals_own, exit_reason, exit_time, pnl, exit_price, trade_id
    FROM trade_outcomes WHERE entry_price IS NOT NULL ORDER BY engine, is_shadow, exit_clock"""


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    add_trend(made.database)
    yield replace(
        made,
        engines=scripted_panel(
            answer_entering(targets=("1000",)), answer_entering(quantity="2", targets=("300", "5000"))
        ),
    )
    made.database.dispose()


def after_noon(parts: Parts, *moves: int) -> datetime:
    """Store a bar per move after the bar of noon, opening where the last one closed; return when the last one ends."""
    opened = rows(parts.database, "SELECT close FROM bars ORDER BY open_time DESC LIMIT 1")[0]["close"]
    made, start = list[Bar](), NOON + timedelta(hours=1)
    for number, move in enumerate(moves):
        closed = opened + move
        low, high = sorted((opened, closed))
        made.append(
            Bar(open_time=start + timedelta(hours=number), open=opened, high=high, low=low, close=closed, volume=None)
        )
        opened = closed
    with parts.transaction() as session:
        bars.add(session, FEED, made)
    return start + timedelta(hours=len(moves))


def outcomes(parts: Parts) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {
        (one["engine"], "model" if one["is_shadow"] else "real", one["exit_clock"]): one
        for one in rows(parts.database, OUTCOMES)
    }


def set_mode(parts: Parts, mode: ExecutionMode) -> None:
    with parts.transaction() as session:
        wanted = PolicyChange(label="test", mode=mode, split_ppm=500_000, set_by="test", reason="test")
        policies.append_version(session, "paper", wanted)


@pytest.mark.property_id(15, 16, 17)
def test_a_real_exit_closes_its_siblings_at_the_same_time_on_the_same_quote(parts: Parts) -> None:
    run_all(parts, [store_signal(parts.database)])
    end = after_noon(parts, 400, 400, 400, 400)

    exit_tasks.walk_book(parts, "paper", until=end)

    found = outcomes(parts)
    real, sibling = found["A", "real", "synchronized"], found["B", "model", "synchronized"]
    assert real["exit_reason"] == sibling["exit_reason"] == "target"
    assert (real["exit_time"], real["exit_price"]) == (sibling["exit_time"], sibling["exit_price"])
    quotes = rows(
        parts.database, "SELECT DISTINCT quote_id FROM fills WHERE intent = 'exit' AND exit_clock = 'synchronized'"
    )
    assert len(quotes) == 1
    assert ("B", "model", "own") not in found
    assert not sibling["equals_own"]


@pytest.mark.property_id(16)
def test_the_own_clock_runs_on_beside_the_synchronized_one(parts: Parts) -> None:
    run_all(parts, [store_signal(parts.database)])

    exit_tasks.walk_book(parts, "paper", until=after_noon(parts, 400, 400, 400, 400, 2000, 2000))

    found = outcomes(parts)
    assert found["B", "model", "own"]["exit_time"] > found["B", "model", "synchronized"]["exit_time"]
    assert found["B", "model", "own"]["pnl"] > found["B", "model", "synchronized"]["pnl"]
    assert {one["status"] for one in rows(parts.database, "SELECT status FROM trades")} == {"closed"}


def test_a_walk_without_a_new_bar_writes_nothing(parts: Parts) -> None:
    run_all(parts, [store_signal(parts.database)])
    end = after_noon(parts, 10)
    exit_tasks.walk_book(parts, "paper", until=end)
    written = rows(parts.database, "SELECT trade_id, xmin::text, xmax::text FROM trades ORDER BY trade_id")

    exit_tasks.walk_book(parts, "paper", until=end + timedelta(minutes=30))

    assert rows(parts.database, "SELECT trade_id, xmin::text, xmax::text FROM trades ORDER BY trade_id") == written
    assert {one["status"] for one in rows(parts.database, "SELECT status FROM trades")} == {"open"}


def test_a_real_trade_earns_on_paper_exactly_what_its_model_earns(parts: Parts) -> None:
    run_all(parts, [store_signal(parts.database)])

    exit_tasks.walk_book(parts, "paper", until=after_noon(parts, 100, -900))

    found = outcomes(parts)
    real, model = found["A", "real", "synchronized"], found["A", "model", "synchronized"]
    assert real["exit_reason"] == "stop"
    assert real["pnl"] == model["pnl"] == found["A", "model", "own"]["pnl"] < 0


@pytest.mark.parametrize("mode", [ExecutionMode.SHADOW_ONLY, ExecutionMode.SPLIT_CAPITAL])
def test_without_one_real_trade_the_synchronized_clock_equals_the_own_one_and_says_so(
    parts: Parts, mode: ExecutionMode
) -> None:
    set_mode(parts, mode)
    run_all(parts, [store_signal(parts.database)])

    exit_tasks.walk_book(parts, "paper", until=after_noon(parts, 400, 400, 400, 400, 2000, 2000))

    found = outcomes(parts)
    for engine in ("A", "B"):
        own, same = found[engine, "model", "own"], found[engine, "model", "synchronized"]
        assert (own["pnl"], own["exit_time"]) == (same["pnl"], same["exit_time"])
        assert same["equals_own"]


def test_in_split_capital_each_real_trade_follows_its_own_engine(parts: Parts) -> None:
    set_mode(parts, ExecutionMode.SPLIT_CAPITAL)
    run_all(parts, [store_signal(parts.database)])

    exit_tasks.walk_book(parts, "paper", until=after_noon(parts, 400, 400, 400, 400, 2000, 2000))

    found = outcomes(parts)
    for engine in ("A", "B"):
        real, model = found[engine, "real", "synchronized"], found[engine, "model", "own"]
        assert real["exit_time"] == model["exit_time"]
        assert abs(real["pnl"] * 2 - model["pnl"]) < Decimal("0.000001")


@pytest.mark.parametrize("direction", ["long", "short"])
def test_an_exit_alert_closes_what_its_strategy_holds_on_both_clocks(parts: Parts, direction: str) -> None:
    run_all(parts, [store_signal(parts.database, direction=direction, strategy="mine")])
    run_all(parts, [store_signal(parts.database, direction=direction, strategy="other")])
    end = after_noon(parts, 50, 50)

    run_all(parts, [store_signal(parts.database, direction=direction, action="exit", strategy="mine", received_at=end)])

    closed = rows(parts.database, "SELECT DISTINCT strategy, trades.status FROM trades ORDER BY strategy")
    assert closed == [{"strategy": "mine", "status": "closed"}, {"strategy": "other", "status": "open"}]
    assert {one["exit_reason"] for one in outcomes(parts).values()} == {"exit_signal"}
    assert {one["exit_time"] for one in outcomes(parts).values()} == {end}
    assert (
        rows(
            parts.database,
            "SELECT FROM decisions JOIN experiments USING (experiment_id) JOIN signals"
            " USING (signal_id) WHERE signals.action = 'exit'",
        )
        == []
    )


def test_an_opposite_entry_first_closes_then_is_decided(parts: Parts) -> None:
    run_all(parts, [store_signal(parts.database, direction="long")])
    end = after_noon(parts, 50, 50)

    run_all(parts, [store_signal(parts.database, direction="short", received_at=end)])

    assert {one["exit_reason"] for one in outcomes(parts).values()} == {"opposite_signal"}
    still = rows(parts.database, "SELECT DISTINCT side, status FROM trades ORDER BY side")
    assert still == [{"side": "long", "status": "closed"}, {"side": "short", "status": "open"}]


def test_an_exit_in_the_same_batch_as_its_entry_waits_for_it(parts: Parts) -> None:
    entry = store_signal(parts.database)
    end = after_noon(parts, 50)
    leaving = store_signal(parts.database, action="exit", received_at=end)

    run_all(parts, [leaving, entry])

    assert {one["status"] for one in rows(parts.database, "SELECT status FROM signals")} == {"done"}
    assert {one["status"] for one in rows(parts.database, "SELECT status FROM trades")} == {"closed"}


def test_an_exit_whose_entry_is_elsewhere_is_given_back_for_a_moment(parts: Parts) -> None:
    store_signal(parts.database)
    leaving = store_signal(parts.database, action="exit", received_at=NOON + timedelta(hours=1))

    run_all(parts, [leaving])

    (row,) = rows(parts.database, "SELECT status, stage, attempts, processing_lock FROM signals WHERE action = 'exit'")
    assert row == {"status": "open", "stage": 3, "attempts": 0, "processing_lock": None}


def test_an_exit_alert_closes_nothing_that_was_entered_after_it(parts: Parts) -> None:
    run_all(parts, [store_signal(parts.database)])

    run_all(parts, [store_signal(parts.database, action="exit", received_at=NOON - timedelta(hours=1))])

    assert {one["status"] for one in rows(parts.database, "SELECT status FROM trades")} == {"open"}


class _Dies:
    """A paper broker whose worker dies once: after the venue took the order, or before it was sent."""

    def __init__(self, inner: Broker, *, after: bool) -> None:
        self.inner, self.after, self.died, self.sent = inner, after, False, list[str]()
        self.name, self.account, self.traits = inner.name, inner.account, inner.traits

    def terms(self, instrument: Instrument) -> InstrumentTerms | None:
        return self.inner.terms(instrument)

    def refusal(self, order: Order) -> str | None:
        return self.inner.refusal(order)

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        return self.inner.cancel(orders)

    def positions(self) -> list[VenuePosition]:
        return self.inner.positions()

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        dying = not self.died and any(one.intent is Intent.EXIT for one in orders)
        if dying and not self.after:
            self._die()
        self.sent += [one.client_order_id for one in orders]
        answers = self.inner.submit(orders, window=window)
        if dying:
            self._die()
        return answers

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        return self.inner.find(orders)

    def _die(self) -> None:
        self.died = True
        raise SystemExit("the worker died")


class _Loses(_Dies):
    """A paper broker whose ledger cannot be reached once, right after it took an order or before."""

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        if not self.died and self.after:
            self.inner.submit(orders, window=window)
        if not self.died:
            self.died = True
            raise ConnectionError("the ledger is away")
        self.sent += [one.client_order_id for one in orders]
        return self.inner.submit(orders, window=window)


@pytest.mark.parametrize("after", [False, True])
def test_a_signal_does_not_end_while_its_paper_order_is_in_doubt(parts: Parts, after: bool) -> None:
    losing = _Loses(parts.paper_broker, after=after)
    broken = replace(parts, paper_broker=losing)
    ids = [store_signal(parts.database)]

    run_all(broken, ids)
    (between,) = rows(parts.database, "SELECT orders.state, status FROM orders, signals WHERE venue = 'paper'")
    rows(parts.database, "UPDATE signals SET next_attempt_at = clock_timestamp() RETURNING 1")
    run_all(broken, ids)

    assert between == {"state": "submitting", "status": "open"}
    assert rows(parts.database, "SELECT state FROM orders WHERE venue = 'paper'") == [{"state": "filled"}]
    assert rows(parts.database, "SELECT status FROM trades WHERE NOT is_shadow") == [{"status": "open"}]
    assert rows(parts.database, "SELECT status FROM signals") == [{"status": "done"}]
    assert len(rows(parts.database, "SELECT FROM paper_ledger")) == 1


@pytest.mark.parametrize("after", [False, True])
def test_an_exit_left_half_sent_is_looked_up_and_finished_once(parts: Parts, after: bool) -> None:
    run_all(parts, [store_signal(parts.database)])
    dying = _Dies(parts.paper_broker, after=after)
    broken = replace(parts, paper_broker=dying)
    end = after_noon(parts, 400, 400, 400, 400)
    with pytest.raises(SystemExit):
        exit_tasks.walk_book(broken, "paper", until=end)

    exit_tasks.walk_book(broken, "paper", until=end)

    found = outcomes(parts)
    assert found["A", "real", "synchronized"]["pnl"] == found["A", "model", "own"]["pnl"]
    assert ("B", "model", "synchronized") in found
    assert len(dying.sent) == len(set(dying.sent)) == 1
    assert len(rows(parts.database, "SELECT FROM orders WHERE venue = 'paper' AND intent = 'exit'")) == 1


@pytest.mark.property_id(15)
def test_two_walks_at_once_close_each_trade_once(parts: Parts) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    run_all(parts, [store_signal(parts.database, strategy=f"s{number}") for number in range(4)])
    end = after_noon(parts, 400, 400, 400, 400, 2000, 2000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: exit_tasks.walk_book(parts, "paper", until=end), range(8)))
    exit_tasks.walk_book(parts, "paper", until=end)

    counted = rows(
        parts.database,
        """SELECT trade_id, exit_clock, sum(quantity) FILTER (WHERE intent = 'exit') AS closed
        FROM fills GROUP BY 1, 2 HAVING exit_clock <> 'both'""",
    )
    quantities = {
        one["trade_id"]: one["quantity"] for one in rows(parts.database, "SELECT trade_id, quantity FROM trades")
    }
    assert all(one["closed"] == quantities[one["trade_id"]] for one in counted)
    assert {one["status"] for one in rows(parts.database, "SELECT status FROM trades")} == {"closed"}


@pytest.mark.property_id(34)
def test_the_same_engine_twice_differs_by_exactly_nothing(parts: Parts) -> None:
    twins = replace(
        parts, engines=scripted_panel(answer_entering(targets=("300", "900")), answer_entering(targets=("300", "900")))
    )
    ids = [
        store_signal(parts.database, strategy=f"s{number}", direction=side)
        for number, side in enumerate(["long", "short", "long"])
    ]
    run_all(twins, ids)

    exit_tasks.walk_book(twins, "paper", until=after_noon(parts, 200, -700, 1500, 200, -3000))

    found = rows(
        parts.database,
        """SELECT a.pnl - b.pnl AS difference FROM trade_outcomes a JOIN trade_outcomes b
        USING (experiment_id, exit_clock, is_shadow) WHERE a.engine = 'A' AND b.engine = 'B'""",
    )
    assert len(found) == 6
    assert {one["difference"] for one in found} == {Decimal(0)}


def test_a_time_limit_ends_a_trade_at_the_first_quote_after_it(parts: Parts) -> None:
    short_lived = replace(
        parts, engines=scripted_panel(answer_entering(hours=2, stop="9000", targets=()), answer_reject)
    )
    run_all(short_lived, [store_signal(parts.database)])

    exit_tasks.walk_book(short_lived, "paper", until=after_noon(parts, 1, 1, 1, 1))

    one = outcomes(parts)["A", "model", "own"]
    assert one["exit_reason"] == "time_limit"
    assert NOON + timedelta(hours=2) <= one["exit_time"] < NOON + timedelta(hours=2, seconds=5)
