"""The client libraries of the venues: an optional extra, so a process that needs one checks for it before it starts."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from types import ModuleType

from config.settings import Settings
from config.values import SettingInvalid
from domain.trade import PAPER_VENUE

_BUILT_IN = (PAPER_VENUE, "alert")
_PACKAGES = {"ccxt": "ccxt", "alpaca": "alpaca-py"}


def module_for(venue: str) -> str | None:
    """Return the module that BROKER's or MARKET_DATA's value needs; None for those that are built in."""
    return None if venue in _BUILT_IN else venue.partition(":")[0]


def missing(venue: str) -> str | None:
    """Return what to install for this value of BROKER or MARKET_DATA, without importing it; None when it is there."""
    module = module_for(venue)
    if module is None or _is_installed(module):
        return None
    package = _PACKAGES[module]
    return f"it needs {package}, which is not installed: make install-venues in the checkout, or pip install {package}"


def require(settings: Settings) -> None:
    """Check that the libraries of BROKER and MARKET_DATA are installed.

    Raises:
        SettingInvalid: naming the variable and what to install.
    """
    for variable, venue in (("BROKER", settings.broker), ("MARKET_DATA", settings.market_data)):
        if (what := missing(venue)) is not None:
            raise SettingInvalid(variable, venue, what)


def load(variable: str, venue: str) -> ModuleType:
    """Import the library that a venue needs.

    Raises:
        SettingInvalid: naming the variable, when it is not installed or cannot be imported.
    """
    module = module_for(venue)
    assert module is not None  # noqa: S101 - a venue that is built in needs none
    if (what := missing(venue)) is not None:
        raise SettingInvalid(variable, venue, what)
    try:
        return import_quietly(module)
    except ImportError as error:
        raise SettingInvalid(variable, venue, f"{_PACKAGES[module]} cannot be imported: {error}") from None


def import_quietly(module: str) -> ModuleType:
    """Import a module that imports a venue's library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # alpaca-py imports a part of websockets that is ending
        return importlib.import_module(module)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # an import hook that refuses it, or a None in its place
        return False
