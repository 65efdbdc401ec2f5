"""What strategies send one after the other, as their messages are written, and the position that is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from domain.signal import Stage
from stack.servers import ServerUrls
from tests.support.alert_pipeline import AlertPipeline, firing_time, start_alert_pipeline
from tests.support.pipeline import rows, run_all

FLAT: list[tuple[str, str]] = []


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls, calendar="24/7") as running:
        yield running


def held(desk: AlertPipeline) -> list[tuple[str, str]]:
    """Return side and symbol of the open real trades."""
    return [(trade["side"], trade["symbol"]) for trade in desk.open_real()]


def write(*fields: str, **more: Any) -> dict[str, Any]:
    """Write an order of a Pine strategy: ticker, action, position after it and before it."""
    names = ("ticker", "action", "market_position", "prev_market_position")
    return dict(zip(names, fields, strict=False)) | more


def test_an_exit_without_a_price_is_not_dropped(desk: AlertPipeline) -> None:
    desk.send(
        write("AVAXUSDT", "buy", price="30", timenow=firing_time()),
        write("AVAXUSDT", "exit", direction="long", timenow=firing_time(6)),
    )
    waiting = rows(desk.parts.database, "SELECT 1 FROM exit_results WHERE waits_since IS NOT NULL")
    assert (held(desk), len(waiting)) == ([("long", "AVAXUSDT")], 1)

    desk.know_price("AVAXUSDT", "30.5", ago_s=0)
    desk.evaluate_exits()

    assert held(desk) == FLAT


def test_an_exit_that_names_no_exchange_closes_the_only_position(desk: AlertPipeline) -> None:
    desk.send(
        write("BINANCE:XRPUSDT.P", "buy", price="0.5"), write("XRPUSDT.P", "exit", direction="long", price="0.51")
    )

    assert (held(desk), desk.incidents()) == (FLAT, [])


def test_a_strategy_that_enters_again_within_a_minute_is_long(desk: AlertPipeline) -> None:
    buy = write("MNQ1!", "buy", price="17500")
    desk.send(buy, write("MNQ1!", "exit", direction="long", price="17510"), buy)

    assert len(desk.open_models()) == 2
    assert [row["action"] for row in rows(desk.parts.database, "SELECT action FROM signals ORDER BY seq")] == [
        "entry",
        "exit",
        "entry",
    ]


def test_a_short_that_is_closed_at_the_days_end_leaves_nothing(desk: AlertPipeline) -> None:
    desk.send(
        write("SPY", "sell", "short", "flat", comment="Short", price="500"),
        write("SPY", "buy", comment="EOD Close", price="495"),
    )

    assert held(desk) == FLAT or desk.kinds() == ["exit_in_quarantine"]
    assert ("long", "SPY") not in held(desk)


def test_a_negative_price_of_oil_closes_the_position_or_is_told(desk: AlertPipeline) -> None:
    desk.know_price("CL", "1.40")
    desk.send(write("CL1!", "buy", "long", "flat", price="1.50"), write("CL1!", "sell", "flat", "long", price="-37.63"))

    assert held(desk) == FLAT or desk.kinds() == ["exit_in_quarantine"]


def test_a_cover_by_position_size_closes_the_short(desk: AlertPipeline) -> None:
    desk.send(
        write("ETHUSDT", "sell", "short", "flat", price="3000"),
        write("ETHUSDT", "buy", position_size=0, price="2990"),
    )

    assert ("long", "ETHUSDT") not in held(desk)
    assert held(desk) == FLAT or desk.kinds()


@pytest.mark.parametrize("count", [2, 3])
def test_reversals_in_one_second_end_on_the_last_side(desk: AlertPipeline, count: int) -> None:
    desk.set_pyramiding(5)
    fired = firing_time()
    sides = ["long", "short", "long"][:count]
    before = "flat"
    for side in sides:
        action = "buy" if side == "long" else "sell"
        desk.send(write("SOLUSDT", action, side, before, price="100", timenow=fired))
        before = side

    assert held(desk) == [(sides[-1], "SOLUSDT")]
    assert desk.incidents() == []


def test_a_partial_batch_of_entries_and_exits_in_one_body_ends_flat(desk: AlertPipeline) -> None:
    buy, leave = (
        write("ADAUSDT", "buy", price="0.5"),
        write("ADAUSDT", "exit", direction="long", price="0.51"),
    )

    desk.send(json.dumps([buy, leave, buy, leave]).encode())

    assert held(desk) == FLAT
    assert desk.open_models() == []
    assert desk.incidents() == []


def test_a_message_of_the_pipeline_that_is_delivered_many_times_trades_once(desk: AlertPipeline) -> None:
    signal_ids = desk.post(write("BTCUSDT", "buy", price="50000"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run_all(desk.parts, signal_ids), range(20)))
    desk.work_off_alone(signal_ids)

    ledgers = rows(desk.parts.database, "SELECT is_shadow, count(*) AS many FROM trades GROUP BY 1 ORDER BY 1")
    assert [(row["is_shadow"], row["many"]) for row in ledgers] == [(False, 1), (True, 2)]
    assert len(rows(desk.parts.database, "SELECT 1 FROM fills")) == 3


def test_an_exit_that_is_processed_many_times_at_once_closes_once(desk: AlertPipeline) -> None:
    desk.send(write("BTCUSDT", "buy", price="50000"))
    signal_ids = desk.post(write("BTCUSDT", "exit", direction="long", price="50100"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run_all(desk.parts, signal_ids), range(12)))
    desk.work_off_alone(signal_ids)

    assert (held(desk), desk.open_models(), desk.incidents(), desk.flags(signal_ids[0])) == (FLAT, [], [], [])
    assert len(rows(desk.parts.database, "SELECT 1 FROM fills WHERE intent = 'exit' AND venue = 'paper'")) == 1


def test_a_worker_that_died_after_closing_does_not_say_that_nothing_was_open(desk: AlertPipeline) -> None:
    desk.send(write("BTCUSDT", "buy", price="50000"))
    signal_ids = desk.post(write("BTCUSDT", "exit", direction="long", price="50100"))
    run_all(desk.parts, signal_ids, to=Stage.DISPATCHED)
    rows(
        desk.parts.database,
        "UPDATE signals SET stage = 3, lock_expires_at = now() - interval '1 s' WHERE signal_id = :id RETURNING 1",
        id=signal_ids[0],
    )

    run_all(desk.parts, signal_ids)

    assert (held(desk), desk.flags(signal_ids[0]), desk.incidents()) == (FLAT, [], [])
    assert desk.result(signal_ids[0])["result"] == "closes"


def test_exits_of_two_sources_close_their_own(desk: AlertPipeline) -> None:
    other = desk.webhook.add_source(name="other")
    desk.send(write("BTCUSDT", "buy", price="50000"))
    desk.send(write("BTCUSDT", "buy", price="50000"), token=other)

    desk.send(write("BTCUSDT", "exit", direction="long", price="50100"))

    assert [trade["source"] for trade in desk.open_real()] == ["other"]
    assert desk.incidents() == []
