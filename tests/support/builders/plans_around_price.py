"""Plans by distances from the price that a snapshot shows, as engines make them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from domain.context import MarketContext
from domain.decision import Plan, Target, Trailing
from domain.signal import Signal
from tests.support.measured_trades import Planner

_BPS = Decimal(10_000)


@dataclass(frozen=True, kw_only=True)
class PlanAroundPrice:
    """A stop, targets and a trailing stop by their distances in basis points; `holds` counts bars."""

    stop_bps: Decimal
    targets_bps: tuple[Decimal, ...]
    trailing_bps: Decimal | None
    holds: int
    quantity: Decimal = Decimal(800)

    def planner(self, *, bar: timedelta) -> Planner:
        """Return what plans a trade of a signal's direction around the price that its snapshot shows."""
        return lambda signal, context: self._plan(signal, context, bar=bar)

    def _plan(self, signal: Signal, context: MarketContext, *, bar: timedelta) -> Plan:
        price, sign = context.current_price, signal.direction.sign
        assert price is not None
        step = price * sign / _BPS
        fraction = Decimal(1) / (len(self.targets_bps) or 1)
        return Plan(
            side=signal.direction,
            quantity=self.quantity,
            stop=price - step * self.stop_bps,
            targets=tuple(Target(price=price + step * at, fraction=fraction) for at in self.targets_bps),
            trailing=None
            if self.trailing_bps is None
            else Trailing(activation=price + step * self.trailing_bps, distance=abs(step) * self.trailing_bps),
            max_hold=self.holds * bar,
        )


def plans(*, move_bps: float, longest: int) -> st.SearchStrategy[PlanAroundPrice]:
    """Draw plans with levels at half to six times what a bar moves, which hold for at most so many bars."""
    distances = st.integers(5, 60).map(lambda tenths: Decimal(tenths) * Decimal(str(move_bps)) / 10)
    return st.builds(
        PlanAroundPrice,
        stop_bps=distances,
        targets_bps=st.lists(distances, max_size=2, unique=True).map(lambda drawn: tuple(sorted(drawn))),
        trailing_bps=st.none() | distances,
        holds=st.integers(1, longest),
    )
