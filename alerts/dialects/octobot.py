"""OctoBot: lines or a row of EXCHANGE=, SYMBOL= and SIGNAL=, the last of which holds the instruction."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(
    name="octobot",
    all_of=("symbol", "signal"),
    any_of=("token", "volume", "ordertype", "stopprice", "takeprofitprice", "reduceonly", "leverage"),
    aliases=replace(GENERAL, commands=("signal",), remarks=()),
)
