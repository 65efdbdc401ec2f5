"""3Commas: `tv_instrument`, an action, positions in a `strategy_info` group; `timestamp` is the firing time."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(
    name="three_commas",
    all_of=("tvinstrument", "action"),
    aliases=replace(
        GENERAL, symbol=("tvinstrument",), exchange=("tvexchange",), event_time=("timestamp",), price=("triggerprice",)
    ),
)
