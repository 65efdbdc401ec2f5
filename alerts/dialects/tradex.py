"""TradeX: PIN, ID, SYMBOL and SIDE; its ID names the account, not the alert."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(name="tradex", all_of=("pin", "id", "symbol", "side"), aliases=replace(GENERAL, explicit_id=()))
