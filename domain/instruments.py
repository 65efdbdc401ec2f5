"""Trading rules by kind of instrument, used where no venue gives its own."""

from __future__ import annotations

from decimal import Decimal

from domain.context import InstrumentRules
from domain.signal import InstrumentKind

_WHOLE_UNIT = Decimal(1)
_MILLIONTH = Decimal("0.000001")
_LOTS = {
    InstrumentKind.FOREX: _WHOLE_UNIT,
    InstrumentKind.STOCK: _WHOLE_UNIT,
    InstrumentKind.FUTURE: _WHOLE_UNIT,
    InstrumentKind.OPTION: _WHOLE_UNIT,
}


def rules_for(kind: InstrumentKind, *, reference_capital: Decimal, max_notional: Decimal) -> InstrumentRules:
    """Return the paper venue's rules: whole units for instruments that trade in whole units, else a millionth."""
    return InstrumentRules(
        lot=_LOTS.get(kind, _MILLIONTH), reference_capital=reference_capital, max_notional=max_notional
    )
