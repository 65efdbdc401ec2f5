"""Fill models whose costs are the same for every instrument."""

from __future__ import annotations

from decimal import Decimal

from domain.costs import ANY_VENUE, InstrumentCosts
from domain.fills import FillModel
from domain.signal import InstrumentKind


def some_costs(*, spread_bps: Decimal, slippage_bps: Decimal, fee_bps: Decimal) -> InstrumentCosts:
    """Build costs of a fill without a cost of holding."""
    return InstrumentCosts(
        kind=InstrumentKind.UNKNOWN,
        venue=ANY_VENUE,
        spread_bps=spread_bps,
        slippage_bps=slippage_bps,
        fee_bps=fee_bps,
        holding=None,
        basis="test",
    )


def a_fill_model(costs: InstrumentCosts, *, version: str = "drawn") -> FillModel:
    """Build a fill model in which every kind of instrument has the same costs at every venue."""
    return FillModel(version=version, find_costs=lambda _instrument: costs)
