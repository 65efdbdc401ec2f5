"""Alerts that come too late or out of order: what they close, what they open, and what is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.servers import ServerUrls
from tests.support.alert_pipeline import AlertPipeline, firing_time, start_alert_pipeline
from tests.support.pipeline import rows

HOURS = 3600


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls) as running:
        yield running


def alert(action: str, *, fired_s: float, position: str = "", before: str = "") -> dict[str, str]:
    """Return an alert that fired so many seconds from now."""
    stated = {"market_position": position, "prev_market_position": before} if position else {}
    return {"ticker": "LTCUSDT", "action": action, "price": "80", "timenow": firing_time(fired_s)} | stated


def an_exit(*, fired_s: float) -> dict[str, str]:
    return alert("exit", fired_s=fired_s) | {"direction": "long", "price": "81"}


def test_an_old_alert_that_is_sent_again_closes_nothing(desk: AlertPipeline) -> None:
    desk.send(alert("buy", fired_s=0, position="long", before="flat"))

    (signal_id,) = desk.send(alert("sell", fired_s=-48 * HOURS, position="short", before="long"))

    assert desk.flags(signal_id) == ["stale", "outdated"]
    assert [trade["side"] for trade in desk.open_real()] == ["long"]
    assert [trade["side"] for trade in desk.open_models()] == ["long", "long"]
    assert desk.kinds() == ["entry_outdated"]


def test_a_stale_exit_that_fired_before_the_entry_is_outdated(desk: AlertPipeline) -> None:
    desk.send(alert("buy", fired_s=0))

    (signal_id,) = desk.send(an_exit(fired_s=-48 * HOURS))

    assert desk.flags(signal_id) == ["stale", "outdated"]
    assert (len(desk.open_real()), len(desk.open_models()), desk.incidents()) == (1, 2, [])


def test_a_stale_exit_that_fired_after_the_entry_is_an_incident(desk: AlertPipeline) -> None:
    desk.send(alert("buy", fired_s=0))
    rows(desk.parts.database, "UPDATE signals SET event_at = event_at - interval '1 hour' RETURNING 1")

    desk.send(an_exit(fired_s=-0.5 * HOURS))

    (trade,), (incident,) = desk.open_real(), desk.incidents()
    assert (incident["kind"], incident["subject"]) == ("exit_missed", str(trade["trade_id"]))
    assert "stale" in incident["detail"]["why"]
    assert len(desk.open_models()) == 2


def test_an_exit_that_is_overtaken_by_the_next_entry_closes_the_trade_it_means(desk: AlertPipeline) -> None:
    desk.set_pyramiding(2)
    desk.send(alert("buy", fired_s=-50), alert("buy", fired_s=-10) | {"price": "82"})
    _, second = desk.open_real()

    desk.send(an_exit(fired_s=-30))

    assert [trade["trade_id"] for trade in desk.open_real()] == [second["trade_id"]]
    assert desk.incidents() == []


@pytest.mark.parametrize(
    "closing",
    [an_exit(fired_s=-10), alert("sell", fired_s=-10, position="short", before="long")],
    ids=["exit", "opposite"],
)
def test_an_entry_whose_exit_came_first_opens_nothing_and_is_an_incident(
    desk: AlertPipeline, closing: dict[str, str]
) -> None:
    desk.send(closing | {"timenow": firing_time(-10)})
    open_before = [trade["trade_id"] for trade in desk.open_real()]

    (signal_id,) = desk.send(alert("buy", fired_s=-40, position="long", before="flat"))

    assert desk.flags(signal_id) == ["outdated"]
    longs = "SELECT status, denial FROM trades WHERE side = 'long'"
    assert {(row["status"], row["denial"]) for row in rows(desk.parts.database, longs)} == {("denied", "outdated")}
    assert [trade["trade_id"] for trade in desk.open_real() if trade["side"] == "long"] == []
    assert ("entry_outdated", str(signal_id)) in [(one["kind"], one["subject"]) for one in desk.incidents()]
    assert len(desk.open_real()) <= len(open_before)


def test_an_entry_after_its_exit_is_an_ordinary_one(desk: AlertPipeline) -> None:
    desk.send(an_exit(fired_s=-40))

    (signal_id,) = desk.send(alert("buy", fired_s=-40))

    assert (desk.flags(signal_id), len(desk.open_real()), desk.incidents()) == ([], 1, [])


def test_an_exit_stamped_in_the_future_makes_no_later_entry_outdated(desk: AlertPipeline) -> None:
    desk.send(an_exit(fired_s=5.5 * HOURS))

    (signal_id,) = desk.send(alert("buy", fired_s=0))

    assert (desk.flags(signal_id), len(desk.open_real())) == ([], 1)


def test_an_alert_that_fired_twice_a_second_apart_is_one_real_position(desk: AlertPipeline) -> None:
    desk.send(alert("buy", fired_s=-2), alert("buy", fired_s=-1))

    assert (len(desk.open_real()), len(desk.open_models())) == (1, 4)
    denied = rows(desk.parts.database, "SELECT denial FROM trades WHERE status = 'denied'")
    assert denied == [{"denial": "pyramiding"}]


def test_pyramiding_counts_by_strategy_and_side_and_not_what_is_owed_an_exit(desk: AlertPipeline) -> None:
    desk.set_pyramiding(2)
    desk.send(*(alert("buy", fired_s=-second) | {"strategy": "a"} for second in (9, 8, 7)))
    desk.send(alert("buy", fired_s=-6) | {"strategy": "b"})
    assert [trade["strategy"] for trade in desk.open_real()] == ["a", "a", "b"]

    desk.send(an_exit(fired_s=-5) | {"strategy": "a"})
    desk.send(alert("buy", fired_s=-4) | {"strategy": "a"})

    assert sorted(trade["strategy"] for trade in desk.open_real()) == ["a", "b"]


def test_pyramiding_counts_within_one_batch(desk: AlertPipeline) -> None:
    signal_ids = [*desk.post(alert("buy", fired_s=-3)), *desk.post(alert("buy", fired_s=-2))]

    desk.work_off(signal_ids)

    assert (len(desk.open_real()), len(desk.open_models())) == (1, 4)
