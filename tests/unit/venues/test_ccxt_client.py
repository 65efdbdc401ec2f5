"""ccxt's clients, as far as they go by clocks."""

from __future__ import annotations

import time

import pytest

from venues import ccxt_client

DAY_MS = 86_400_000


@pytest.mark.parametrize("step_ms", [DAY_MS, -DAY_MS])
def test_after_a_step_of_the_clock_the_rate_limit_is_kept_and_no_more_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, step_ms: int
) -> None:
    client = ccxt_client.make_client("binance", key=None, secret=None, url=None)
    client.lastRestRequestTimestamp = client.milliseconds() - step_ms
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    client.throttle(1)

    assert sum(slept) <= client.rateLimit / 1000
