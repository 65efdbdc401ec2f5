"""TradeX: PIN, ID, SYMBOL and SIDE; its ID names the account, not the alert."""

from __future__ import annotations

from dataclasses import replace

from app.dialects.aliases import GENERAL
from app.dialects.shape import Shape

DIALECT = Shape(name="tradex", all_of=("pin", "id", "symbol", "side"), aliases=replace(GENERAL, explicit_id=()))
