"""TA-Lib, imported without pandas and polars.

Where they are installed, TA-Lib imports them to wrap its functions. We pass arrays only, and pandas would cost each
worker a quarter of a second and 40 MB, so both are hidden while TA-Lib is imported.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_NOT_NEEDED = ("pandas", "polars")


def _import_talib() -> Any:
    """Import TA-Lib while pandas and polars are hidden."""
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in _NOT_NEEDED if name not in modules]
    modules.update(dict.fromkeys(hidden))  # None makes the import system raise ModuleNotFoundError
    try:
        return importlib.import_module("talib")
    finally:
        for name in hidden:
            del modules[name]


talib = _import_talib()
