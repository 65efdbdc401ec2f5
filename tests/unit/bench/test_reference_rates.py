"""Reference rates: the connection that waits for the worker's replies."""

from __future__ import annotations

from bench import reference_rates
from config import settings


def test_a_wait_for_a_reply_is_not_cut_short_by_the_clients_own_timeout() -> None:
    configured = settings.load({"REDIS_URL": "redis://localhost:6379/0"})

    with reference_rates.connect_redis(configured) as redis:
        socket_timeout = redis.connection_pool.connection_kwargs["socket_timeout"]

    assert socket_timeout > reference_rates.REPLY_WITHIN_S
