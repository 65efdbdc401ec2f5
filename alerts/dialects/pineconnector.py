"""PineConnector: a row of licence, command and symbol, followed by named values such as risk=, sl= and tp=."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(
    name="pineconnector",
    all_of=("licenceid", "command", "symbol"),
    aliases=replace(GENERAL, commands=("command",), remarks=()),
)
