"""PineConnector: a licence, a command and a symbol in a row, then risk=, sl= and tp=."""

from __future__ import annotations

from dataclasses import replace

from app.dialects.aliases import GENERAL
from app.dialects.shape import Shape

DIALECT = Shape(
    name="pineconnector",
    all_of=("licenceid", "command", "symbol"),
    aliases=replace(GENERAL, commands=("command",), remarks=()),
)
