"""Fake engine that takes its time, in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision, Verdict
from domain.signal import Signal

HOLD = Decision(verdict=Verdict.HOLD, reasons=("nothing",), rationale={})


class TimedEngine:
    """Engine asked in threads, `count` questions at once, that takes a time and counts its questions."""

    name = "timed"
    version = "1"
    latency_s = DEFAULT_LATENCY_S

    def __init__(self, takes_s: float, *, count: int = 1, deed: Callable[[Signal], object] = lambda _: None) -> None:
        self.takes_s = takes_s
        self.lanes = (self,) * count
        self.deed = deed
        self.asked = 0
        self._lock = threading.Lock()

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Take the time and hold."""
        with self._lock:
            self.asked += 1
        time.sleep(self.takes_s)
        self.deed(signal)
        return HOLD
