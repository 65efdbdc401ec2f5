"""Every process is replaced while alerts come in, on Redis and on RabbitMQ (F43)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from stack.servers import ServerUrls
from tests.support.pipeline import add_trend
from tests.support.servers import message_brokers
from tests.support.servers.alert_sender import THIS_HOUR, Sender, missing, settled
from tests.support.servers.message_brokers import Broker, a_broker
from tests.support.servers.stacks import Stack, a_stack

REDIS_DB = 8


@pytest.fixture(scope="module", params=message_brokers.kinds())
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Give a broker of each kind that can be had here."""
    with a_broker(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def stack(
    broker: Broker, server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Give web, a worker and beat on that broker; both engines like the trend."""
    directory = tmp_path_factory.mktemp("rolling")
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "LEASE_S": "60",
        "BROKER_URL": broker.url,
    }
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.processes.start_worker("worker-0", concurrency=2)
        made.processes.start_beat()
        made.start_web()
        yield made


def test_f43_a_rolling_restart_under_load_loses_nothing_and_costs_no_signal_an_attempt(stack: Stack) -> None:
    processes, port = stack.processes, urlsplit(stack.web_url).port
    token = stack.asked("sources", "add", "desk")["token"]
    codes: list[int] = []

    with Sender(url=f"{stack.web_url}/webhook/{token}", per_s=5, resend=True) as sender:
        sender.after(10)
        processes.start_worker("worker-1", concurrency=2)
        codes.append(processes.stop("worker-0"))
        codes.append(processes.stop("beat"))
        processes.start_beat()
        codes.append(processes.stop("web"))
        processes.start_web(port=port)
        sender.after(10)

    assert set(codes) == {0}
    assert 200 in sender.statuses()
    assert sender.statuses() <= {200, 503, None}
    assert len(sender.acknowledged) == len(sender.identifiers)
    assert missing(stack, sender.acknowledged) == set()
    settled(stack, sender.acknowledged)
    assert stack.rows("SELECT signal_id, attempts FROM signals WHERE attempts > 0") == []


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    assert stack.asked("verify") == {"ok": True, "violations": []}
