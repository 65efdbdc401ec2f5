"""TA-Lib for plain arrays.

It wraps its functions for pandas and polars where they are installed. We give it arrays, and importing pandas would
cost each worker a quarter of a second and 40 MB, so neither is to be found while TA-Lib is imported.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_NOT_NEEDED = ("pandas", "polars")


def _imported() -> Any:
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in _NOT_NEEDED if name not in modules]
    modules.update(dict.fromkeys(hidden))  # None is how the import system is told that there is no such module
    try:
        return importlib.import_module("talib")
    finally:
        for name in hidden:
            del modules[name]


talib = _imported()
