"""Fake engines whose answers a test defines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import inf

from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision, EngineAnswer, EngineSlot, Plan, Target, Verdict
from domain.ports import EnginePanel, Heartbeat
from domain.signal import Signal
from engines.panel import Panel

Answer = Callable[[Signal, MarketContext], Decision]


@dataclass(kw_only=True)
class ScriptedEngine:
    """Engine that answers with a function and records its questions in `asked`."""

    answer: Answer
    name: str = "scripted"
    version: str = "1"
    latency_s: Decimal = DEFAULT_LATENCY_S

    def __post_init__(self) -> None:
        self.asked: list[tuple[Signal, MarketContext]] = []

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Record the question and answer it."""
        self.asked.append((signal, context))
        return self.answer(signal, context)


@dataclass(kw_only=True)
class InterruptedPanel:
    """Panel that calls `meanwhile` before it answers, as if something happened during the question."""

    inner: EnginePanel
    meanwhile: Callable[[], None] = lambda: None

    @property
    def versions(self) -> Mapping[EngineSlot, str]:
        """The versions of the inner panel's engines."""
        return self.inner.versions

    @property
    def available(self) -> frozenset[EngineSlot]:
        """The slots of the inner panel that can be asked."""
        return self.inner.available

    @property
    def latencies_s(self) -> Mapping[EngineSlot, Decimal]:
        """The latencies of the inner panel's engines."""
        return self.inner.latencies_s

    def decide_all(
        self,
        questions: Sequence[tuple[Signal, MarketContext, EngineSlot]],
        *,
        ends_at: float = inf,
        heartbeat: Heartbeat | None = None,
    ) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Call `meanwhile`, then ask the inner panel."""
        self.meanwhile()
        return self.inner.decide_all(questions, ends_at=ends_at, heartbeat=heartbeat)


def scripted_panel(a: Answer, b: Answer) -> Panel:
    """Return a panel of two scripted engines."""
    return Panel({EngineSlot.A: ScriptedEngine(answer=a, name="a"), EngineSlot.B: ScriptedEngine(answer=b, name="b")})


def answer_entering(
    *, quantity: str = "1", stop: str = "500", targets: tuple[str, ...] = ("1000",), hours: int = 48
) -> Answer:
    """Return a function that enters in the signal's direction.

    `stop` and `targets` are distances from the price; each target closes the same fraction.
    """

    def answer(signal: Signal, context: MarketContext) -> Decision:
        price = context.current_price or Decimal(30000)
        sign = signal.direction.sign
        share = Decimal(1) / len(targets) if targets else Decimal(0)
        plan = Plan(
            side=signal.direction,
            quantity=Decimal(quantity),
            stop=price - sign * Decimal(stop),
            targets=tuple(Target(price=price + sign * Decimal(distance), fraction=share) for distance in targets),
            trailing=None,
            max_hold=timedelta(hours=hours),
        )
        return Decision(verdict=Verdict.ENTER, reasons=("scripted",), rationale={}, plan=plan, confidence=Decimal(70))

    return answer


def answer_reject(_: Signal, __: MarketContext) -> Decision:
    """Answer REJECT."""
    return Decision(verdict=Verdict.REJECT, reasons=("scripted",), rationale={})


def raise_failure(_: Signal, __: MarketContext) -> Decision:
    """Raise an error, as a broken engine does."""
    raise RuntimeError("the engine broke")
