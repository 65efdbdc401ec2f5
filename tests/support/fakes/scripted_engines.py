"""Engines that say what a test tells them to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from domain.context import MarketContext
from domain.decision import Decision, EngineAnswer, EngineSlot, Plan, Target, Verdict
from domain.ports import EnginePanel
from domain.signal import Signal
from engines.panel import Panel

Answer = Callable[[Signal, MarketContext], Decision]


@dataclass(kw_only=True)
class Scripted:
    """An engine that answers by a function and remembers what it was asked."""

    answer: Answer
    name: str = "scripted"
    version: str = "1"

    def __post_init__(self) -> None:
        self.asked: list[tuple[Signal, MarketContext]] = []

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Answer, and remember the question."""
        self.asked.append((signal, context))
        return self.answer(signal, context)


@dataclass(kw_only=True)
class Interrupted:
    """Engines that let something else happen while they are asked."""

    inner: EnginePanel
    meanwhile: Callable[[], None] = lambda: None

    @property
    def versions(self) -> Mapping[EngineSlot, str]:
        """The engines' own."""
        return self.inner.versions

    @property
    def available(self) -> frozenset[EngineSlot]:
        """The engines that can be asked."""
        return self.inner.available

    def decide_all(
        self, asked: Sequence[tuple[Signal, MarketContext, EngineSlot]], *, deadline_s: float
    ) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Answer after what happens meanwhile."""
        self.meanwhile()
        return self.inner.decide_all(asked, deadline_s=deadline_s)


def panel(a: Answer, b: Answer) -> Panel:
    """Return a panel of two scripted engines."""
    return Panel({EngineSlot.A: Scripted(answer=a, name="a"), EngineSlot.B: Scripted(answer=b, name="b")})


def enters(*, quantity: str = "1", stop: str = "500", targets: tuple[str, ...] = ("1000",), hours: int = 48) -> Answer:
    """Return an answer that enters with the signal; stop and targets are distances, equal fractions each."""

    def answer(signal: Signal, context: MarketContext) -> Decision:
        price = context.current_price or Decimal(30000)
        sign = signal.direction.sign
        share = Decimal(1) / len(targets) if targets else Decimal(0)
        plan = Plan(
            side=signal.direction,
            quantity=Decimal(quantity),
            stop=price - sign * Decimal(stop),
            targets=tuple(Target(price=price + sign * Decimal(one), fraction=share) for one in targets),
            trailing=None,
            max_hold=timedelta(hours=hours),
        )
        return Decision(verdict=Verdict.ENTER, reasons=("scripted",), rationale={}, plan=plan, confidence=Decimal(70))

    return answer


def rejects(_: Signal, __: MarketContext) -> Decision:
    """Stay out."""
    return Decision(verdict=Verdict.REJECT, reasons=("scripted",), rationale={})


def breaks(_: Signal, __: MarketContext) -> Decision:
    """Fail."""
    raise RuntimeError("the engine broke")
