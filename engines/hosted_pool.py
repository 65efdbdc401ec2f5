"""Pool of hosted engines: several processes of one engine, so that several questions are answered at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from domain.context import MarketContext
from domain.decision import Decision
from domain.signal import Signal
from engines.hosted import START_DEADLINE_S, HostedEngine
from trading_orchestrator.engine_limits import DEFAULT_MEMORY_MB


class HostedPool:
    """A user's own engine in up to `processes` child processes, its `lanes`, each asked one question at a time.

    The first one is started by `start` and names the engine; each other is started when there is a question for it.
    """

    is_inline = False

    def __init__(
        self,
        spec: str,
        *,
        processes: int = 1,
        path: Sequence[Path] = (),
        start_deadline_s: float = START_DEADLINE_S,
        memory_mb: int = DEFAULT_MEMORY_MB,
    ) -> None:
        self.lanes = tuple(
            HostedEngine(spec, path=path, start_deadline_s=start_deadline_s, memory_mb=memory_mb)
            for _ in range(processes)
        )

    @property
    def name(self) -> str:
        """The engine's name, as its first process gave it."""
        return self.lanes[0].name

    @property
    def version(self) -> str:
        """The engine's version, as its first process gave it."""
        return self.lanes[0].version

    @property
    def latency_s(self) -> Decimal:
        """The latency that the engine declares, in seconds, as its first process gave it."""
        return self.lanes[0].latency_s

    @property
    def bars_needed(self) -> int | None:
        """The number of closed bars that the engine declares to need; None when it declares none."""
        return self.lanes[0].bars_needed

    @property
    def longest_hold(self) -> timedelta | None:
        """The longest time limit of its plans that the engine declares; None when it declares none."""
        return self.lanes[0].longest_hold

    @property
    def is_ready(self) -> bool:
        """True while a process takes questions, and as long as none has failed to start."""
        return any(lane.has_greeted for lane in self.lanes) or all(lane.is_ready for lane in self.lanes)

    def start(self) -> None:
        """Start the first process; raise as `HostedEngine.start` does."""
        self.lanes[0].start()

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Ask the first process under the default deadline; raise as `HostedEngine.decide_within` does."""
        return self.lanes[0].decide(signal, context)

    def close(self) -> None:
        """End all processes."""
        for lane in self.lanes:
            lane.close()
