"""How many closed bars an engine needs before it can decide to enter."""

from __future__ import annotations

from domain.ports import Engine
from engines.committee import CommitteeEngine
from engines.rules import RulesEngine
from engines.rules.finding import RulesConfig

# The committee's slowest indicator, the percentile of the Bollinger width, is known from this many bars on.
_COMMITTEE_BARS = 69


def count_bars_needed(engine: Engine) -> int | None:
    """Return the number of closed bars that an engine declares to need; None when it declares none."""
    if isinstance(engine, RulesEngine):
        return RulesConfig().min_bars
    if isinstance(engine, CommitteeEngine):
        return _COMMITTEE_BARS
    needed = getattr(engine, "bars_needed", None)
    return needed if isinstance(needed, int) else None
