"""3Commas: `tv_instrument` and an action, the strategy's position in `strategy_info`; `timestamp` is when it fired."""

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
