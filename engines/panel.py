"""The panel: both engines of a comparison, asked side by side, isolated from each other's failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from math import inf

from domain.decision import EngineAnswer, EngineSlot
from domain.ports import Engine, Heartbeat
from engines import bars_needed, holding_times
from engines.breaker import COOLDOWN_S
from engines.engine_questions import Questions
from engines.panel_engine import DEADLINE_S, PanelEngine
from engines.question_round import QuestionRound


class Panel:
    """The two engines of a comparison.

    Built-in engines are pure and quick, and answer in the caller's thread, each question in the order of slots that it
    asks for. Any other engine is asked in threads of its own, so that a hanging engine loses only its own answers; the
    slot that the first question asks first is started first. `deadlines_s` holds the seconds that an engine may take
    for a question, by default five. An engine that fails five times in a row is not asked for `cooldown_s`; each worker
    process counts its own failures.
    """

    def __init__(
        self,
        engines: Mapping[EngineSlot, Engine],
        *,
        deadlines_s: Mapping[EngineSlot, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        cooldown_s: float = COOLDOWN_S,
    ) -> None:
        self._engines = {
            slot: PanelEngine(
                slot,
                engines[slot],
                deadline_s=(deadlines_s or {}).get(slot, DEADLINE_S),
                clock=clock,
                cooldown_s=cooldown_s,
            )
            for slot in EngineSlot
        }

    @property
    def versions(self) -> Mapping[EngineSlot, str]:
        """Engine name and version by slot, as `name@version`."""
        return {slot: f"{asked.engine.name}@{asked.engine.version}" for slot, asked in self._engines.items()}

    @property
    def latencies_s(self) -> Mapping[EngineSlot, Decimal]:
        """The latency that each engine declares, in seconds."""
        return {slot: asked.engine.latency_s for slot, asked in self._engines.items()}

    @property
    def bars_needed(self) -> Mapping[EngineSlot, int | None]:
        """The number of closed bars that each engine declares to need; None when it declares none."""
        return {slot: bars_needed.count_bars_needed(asked.engine) for slot, asked in self._engines.items()}

    @property
    def longest_holds(self) -> Mapping[EngineSlot, timedelta | None]:
        """The longest time limit that each engine's plans may have; None when it declares none."""
        return {slot: holding_times.find_longest_hold(asked.engine) for slot, asked in self._engines.items()}

    @property
    def available(self) -> frozenset[EngineSlot]:
        """The slots whose engine could be started and is not in the cooldown after repeated failures."""
        return frozenset(slot for slot, asked in self._engines.items() if asked.is_available)

    def decide_all(
        self, questions: Questions, *, ends_at: float = inf, heartbeat: Heartbeat | None = None
    ) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Ask both engines about each (signal, context, slot to ask first); answers come as (A, B), in order.

        A failure becomes an ERROR decision with the reason `engine_error`, `engine_timeout`,
        `engine_invalid_answer`, a remote engine's kind of failure (`engine_http_status`, ...), or
        `engine_unavailable` while the breaker is open. No question is put after `ends_at` (monotonic clock), so answers
        may be missing at the end of the list; while engines are waited for, the heartbeat is called.
        """
        return QuestionRound(questions, engines=self._engines, ends_at=ends_at, heartbeat=heartbeat).run()

    def close(self) -> None:
        """End the processes of hosted engines."""
        for asked in self._engines.values():
            asked.close()
