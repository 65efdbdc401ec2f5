"""What may be traded in which steps, by kind of instrument, until a venue says otherwise."""

from __future__ import annotations

from decimal import Decimal

from domain.context import InstrumentRules
from domain.signal import InstrumentKind

_WHOLE = Decimal(1)
_FINE = Decimal("0.000001")
_LOTS = {
    InstrumentKind.FOREX: _WHOLE,
    InstrumentKind.STOCK: _WHOLE,
    InstrumentKind.FUTURE: _WHOLE,
    InstrumentKind.OPTION: _WHOLE,
}


def rules_for(kind: InstrumentKind, *, reference_capital: Decimal, max_notional: Decimal) -> InstrumentRules:
    """Return the paper venue's rules: whole units where the field trades whole units, else a millionth."""
    return InstrumentRules(lot=_LOTS.get(kind, _FINE), reference_capital=reference_capital, max_notional=max_notional)
