"""The client libraries of the venues: an optional extra, so a process that needs one checks for it before it starts."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from types import ModuleType

from config.settings import Settings
from venues import catalogue
from venues.catalogue import ClientLibrary, NamedVenue


def describe_missing(name: str) -> str | None:
    """Describe what to install for the venue that BROKER or MARKET_DATA names; None when nothing is missing.

    The library is not imported.
    """
    return _describe_missing(catalogue.find_venue("BROKER", name).kind.library)


def require_installed(settings: Settings) -> None:
    """Check that the libraries of BROKER and MARKET_DATA are installed, without importing them.

    Raises:
        SettingInvalid: naming the variable and what to install.
    """
    for variable, name in (("BROKER", settings.broker), ("MARKET_DATA", settings.market_data)):
        venue = catalogue.find_venue(variable, name)
        if (missing := _describe_missing(venue.kind.library)) is not None:
            raise venue.build_error(missing)


def import_library(venue: NamedVenue) -> ModuleType | None:
    """Import the library that a venue needs; None when the venue is built in.

    Raises:
        SettingInvalid: naming the variable, when the library is not installed, cannot be imported or does not know the
            exchange.
    """
    library = venue.kind.library
    if library is None:
        return None
    if (missing := _describe_missing(library)) is not None:
        raise venue.build_error(missing)
    try:
        module = import_quietly(library.module)
    except ImportError as error:
        raise venue.build_error(f"{library.package} cannot be imported: {error}") from None
    if venue.kind.has_exchanges and venue.variant not in module.exchanges:
        raise venue.build_error(f"ccxt:<id> with an exchange that {library.package} knows, such as ccxt:binance")
    return module


def import_quietly(module: str) -> ModuleType:
    """Import a module that imports a venue's library, without the library's deprecation warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # alpaca-py imports a part of websockets that is ending
        return importlib.import_module(module)


def _describe_missing(library: ClientLibrary | None) -> str | None:
    """Describe how to install a client library; None when it is installed or none is needed."""
    if library is None or _is_installed(library.module):
        return None
    package = library.package
    return f"it needs {package}, which is not installed: make install-venues in the checkout, or pip install {package}"


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # an import hook that refuses it, or a None in its place
        return False
