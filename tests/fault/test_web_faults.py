"""The web process is killed around its commit, and many send the same alert at once (F01 to F04).

The lease is the default one, so that the time the sweep takes is the time an operator sees.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stack.servers import ServerUrls
from tests.support.pipeline import add_trend
from tests.support.servers.alert_sender import THIS_HOUR, Answer, an_alert, post, settled
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 13
SWEPT_WITHIN_S = 15.0


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a worker and beat; both engines like the trend."""
    directory = tmp_path_factory.mktemp("web")
    (directory / "failpoints").mkdir()
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "LEASE_S": "60",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
        "SIGNAL_POLL_INTERVAL_MS": "1000",
    }
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.processes.start_worker()
        made.processes.start_beat()
        yield made


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    """Give the token of a source."""
    return str(stack.asked("sources", "add", "desk")["token"])


@pytest.fixture
def webhook(stack: Stack, token: str) -> Iterator[str]:
    """Give the webhook's URL on a fresh web process."""
    yield a_webhook(stack, token)
    if "web" in stack.processes.running:
        stack.processes.kill("web")


def a_webhook(stack: Stack, token: str) -> str:
    stack.start_web()
    return f"{stack.web_url}/webhook/{token}"


@contextmanager
def held_at(stack: Stack, name: str, url: str, alert: dict[str, Any]) -> Iterator[Future[Answer]]:
    """Post an alert whose web process stands still at a failpoint during the block; give what it will be answered."""
    failpoint = Path(stack.processes.extra["FAILPOINT_DIR"]) / name
    failpoint.write_text("pause")
    with ThreadPoolExecutor(1) as pool:
        promised = pool.submit(post, url, alert)
        try:
            until((failpoint.parent / f"{name}.reached").exists, what=f"the writer at {name}")
            yield promised
        finally:
            failpoint.unlink()


def rows_of(stack: Stack, alert: dict[str, Any]) -> list[dict[str, Any]]:
    return stack.rows("SELECT signal_id FROM signals WHERE raw_payload ->> 'id' = %(id)s", id=alert["id"])


def test_f01_a_web_process_killed_before_its_commit_has_neither_stored_nor_acknowledged(
    stack: Stack, webhook: str
) -> None:
    alert = an_alert()

    with held_at(stack, "writer.committing", webhook, alert) as promised:
        stack.processes.kill("web")
        answer = promised.result(10)

    assert answer.status != 200
    until(lambda: not stack.rows("SELECT FROM pg_stat_activity WHERE state = 'idle in transaction'"), what="its end")
    assert rows_of(stack, alert) == []


def test_f02_an_alert_whose_answer_was_lost_is_a_duplicate_when_it_is_sent_again(
    stack: Stack, webhook: str, token: str
) -> None:
    alert = an_alert()

    with held_at(stack, "writer.committed", webhook, alert) as promised:
        stack.processes.kill("web")
        lost = promised.result(10)
    again = post(a_webhook(stack, token), alert)

    (row,) = rows_of(stack, alert)
    assert lost.status != 200
    assert (again.status, again.outcome, again.signal_id) == (200, "duplicate", row["signal_id"])


def test_f03_what_was_acknowledged_and_never_published_is_found_by_the_sweep(stack: Stack, webhook: str) -> None:
    with held_at(stack, "writer.released", webhook, an_alert()) as promised:
        answer = promised.result(10)
        stack.processes.kill("web")
    begun = time.monotonic()

    stack.wait_done([one for one in (answer.signal_id,) if one], deadline_s=60)

    assert answer.status == 200
    assert time.monotonic() - begun < SWEPT_WITHIN_S
    settled(stack, [row["signal_id"] for row in stack.rows("SELECT signal_id FROM signals WHERE NOT is_test")])


def test_f04_of_fifty_identical_alerts_at_once_one_is_accepted_and_all_get_its_id(stack: Stack, webhook: str) -> None:
    alert = an_alert()

    post(webhook, an_alert())  # a process that has just begun still has to connect

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(webhook, alert), range(50)))

    assert Counter(one.outcome for one in answers) == {"accepted": 1, "duplicate": 49}
    (row,) = rows_of(stack, alert)
    assert {one.signal_id for one in answers} == {row["signal_id"]}
    settled(stack, [row["signal_id"]])


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    assert stack.asked("verify") == {"ok": True, "violations": []}
