"""The driver: what is asked of the stack, in which order, and what happens when it answers otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.intervals import Interval
from replay import driver, schedule, source_settings
from replay.alert_files import LoggedAlert
from replay.driver import BookSpec, ReplayBookExists, ReplayRefused, SignalStuck, WebhookResponse
from replay.schedule import Schedule
from tests.support.builders.replays import NOON, a_bar_file, an_alert, an_alert_file, an_identity
from tests.support.fakes.replays import FakeGateway


class Watched:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def update_progress(self, done: int, total: int) -> None:
        self.seen.append((done, total))


class Pauses:
    """A sleep that only counts."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def _schedule(*alerts: LoggedAlert) -> Schedule:
    return schedule.build_schedule([a_bar_file()], an_alert_file(*alerts))


def _run(gateway: FakeGateway, *alerts: LoggedAlert, sleep: Pauses | None = None) -> driver.ReplaySummary:
    return driver.run_replay(
        _schedule(*alerts), gateway, identity=an_identity(), study="mine", watcher=Watched(), sleep=sleep or Pauses()
    )


def test_each_alert_finds_exits_finished_and_the_clock_moved_and_is_waited_for() -> None:
    gateway = FakeGateway()
    one, two = NOON + timedelta(hours=1), NOON + timedelta(hours=2)

    _run(gateway, an_alert(after_h=1, body=b"a"), an_alert(after_h=2, body=b"b"))

    assert gateway.calls == [
        ("create", "replay:0123456789ab"),
        ("finish_exits", one),
        ("move_cursor", one),
        ("post", b"a"),
        ("wait_done", ("s-a",)),
        ("finish_exits", two),
        ("move_cursor", two),
        ("post", b"b"),
        ("wait_done", ("s-b",)),
        ("finish", NOON + timedelta(hours=10)),
    ]


def test_alerts_of_one_moment_share_the_exits_and_are_still_taken_one_by_one() -> None:
    gateway = FakeGateway()

    _run(gateway, an_alert(body=b"a"), an_alert(body=b"b"))

    names = [call[0] for call in gateway.calls]
    assert names == ["create", "finish_exits", "move_cursor", "post", "wait_done", "post", "wait_done", "finish"]


def test_all_signals_of_an_array_are_waited_for() -> None:
    signals = [{"signal_id": "s1"}, {"signal_id": "s2"}, {"status": "quarantined"}]
    gateway = FakeGateway(
        WebhookResponse(status=200, document={"status": "accepted", "signal_id": "s1", "signals": signals})
    )

    _run(gateway, an_alert())

    assert ("wait_done", ("s1", "s2")) in gateway.calls


def test_an_alert_refused_for_its_content_is_reported_and_the_replay_goes_on() -> None:
    refusal = WebhookResponse(status=422, document={"status": "quarantined", "errors": {"direction": ["is missing"]}})
    gateway = FakeGateway(refusal, WebhookResponse(status=200, document={"status": "duplicate", "signal_id": "s"}))

    summary = _run(gateway, an_alert(line=2), an_alert(line=3), an_alert(line=4, body=b"c"))

    assert (summary.alerts, summary.accepted, summary.duplicates) == (3, 1, 1)
    (refused,) = summary.refused
    assert (refused.line, refused.status, refused.errors) == (2, 422, {"direction": ["is missing"]})
    assert gateway.calls[-1][0] == "finish"


def test_a_server_error_is_answered_by_sending_the_same_alert_again_after_a_pause() -> None:
    sleep = Pauses()
    gateway = FakeGateway(
        WebhookResponse(status=503, document={}), ConnectionResetError("gone"), WebhookResponse(status=500, document={})
    )

    summary = _run(gateway, an_alert(body=b"a"), sleep=sleep)

    assert [call for call in gateway.calls if call[0] == "post"] == [("post", b"a")] * 4
    assert sleep.slept == [driver.RESEND_PAUSE_S] * 3
    assert summary.accepted == 1


def test_an_alert_that_is_never_taken_ends_the_replay_with_its_line() -> None:
    gateway = FakeGateway(*[WebhookResponse(status=503, document={"status": "unavailable"})] * 4)

    with pytest.raises(ReplayRefused, match=r"the alert on line 7 was not taken: HTTP 503 .*unavailable"):
        _run(gateway, an_alert(line=7))

    assert gateway.calls[-1][0] == "post"


@pytest.mark.parametrize("status", [401, 404, 429])
def test_an_answer_that_no_repetition_mends_ends_the_replay_at_once(status: int) -> None:
    gateway, sleep = FakeGateway(WebhookResponse(status=status, document={})), Pauses()

    with pytest.raises(ReplayRefused, match=f"HTTP {status}"):
        _run(gateway, an_alert(), sleep=sleep)

    assert sleep.slept == []


def test_a_book_that_exists_is_refused_before_anything_is_sent() -> None:
    gateway = FakeGateway()
    _run(gateway, an_alert())
    gateway.calls.clear()

    with pytest.raises(ReplayBookExists, match="orchestrator report --book replay:0123456789ab"):
        _run(gateway, an_alert())

    assert gateway.calls == []


def test_alerts_outside_the_bars_are_set_aside_and_counted() -> None:
    gateway = FakeGateway()
    at = {"before": -0.01, "first": 0, "last": 10, "after": 10.01}

    summary = _run(gateway, *(an_alert(after_h=hours, body=name.encode()) for name, hours in at.items()))

    assert [call[1] for call in gateway.calls if call[0] == "post"] == [b"first", b"last"]
    assert (summary.alerts, summary.outside) == (2, 2)


def test_the_book_is_asked_for_with_its_study_its_files_and_its_first_moment() -> None:
    gateway = FakeGateway()

    _run(gateway, an_alert())

    assert gateway.created == [
        BookSpec(
            identity=an_identity(),
            study="mine",
            files=(a_bar_file(),),
            starts_at=NOON,
            settings=source_settings.build_settings(None, timeframe=Interval.parse("1h")),
        ),
    ]


def test_the_book_is_asked_for_with_the_intervals_of_its_alerts() -> None:
    gateway = FakeGateway()
    bodies = [
        b'{"symbol": "EURUSD", "action": "buy", "timeframe": "15m"}',
        b'{"symbol": "EURUSD", "action": "buy"}',
        b"nothing that can be read",
    ]

    _run(gateway, *(an_alert(body=body) for body in bodies))

    assert gateway.created[0].intervals == {Interval.parse("15m"), Interval.parse("1h")}


def test_progress_is_told_after_each_alert() -> None:
    watched = Watched()

    driver.run_replay(
        _schedule(an_alert(), an_alert()),
        FakeGateway(),
        identity=an_identity(),
        study=None,
        watcher=watched,
        sleep=Pauses(),
    )

    assert watched.seen == [(1, 2), (2, 2)]


def test_a_stuck_signal_is_named_with_its_stage_and_last_error() -> None:
    error = SignalStuck("s1", stage="dispatched", last_error="ValueError: x", deadline_s=60)

    assert str(error) == (
        "signal s1 is not done after 60 s: stage dispatched, last error: ValueError: x;"
        " see: orchestrator signals show s1"
    )
