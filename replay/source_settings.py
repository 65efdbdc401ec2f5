"""The settings under which a replay reads its alerts: those of a source, or the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from enum import Enum

from domain.intervals import Interval
from domain.signal import Source

_DEFAULTS = Source(
    name="",
    book="",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=300,
)
_SEPARATOR = "\x1f"


def build_settings(source: Source | None, *, timeframe: Interval) -> Source:
    """Return the settings of `source` (None: the defaults) without its name, book and heartbeat.

    `timeframe` counts for alerts that name no interval, if the source has none of its own.
    """
    settings = source or _DEFAULTS
    return replace(settings, name="", book="", heartbeat_s=None, timeframe=settings.timeframe or timeframe)


def build_source(settings: Source, *, book: str) -> Source:
    """Return the source of a replay's book: it bears the book's name."""
    return replace(settings, name=book, book=book)


def format_settings(settings: Source, *, timeframe: Interval) -> str:
    """Write the settings that differ from the defaults as one text, to be hashed; empty for the defaults."""
    defaults = build_settings(None, timeframe=timeframe)
    values = ((field.name, getattr(settings, field.name), getattr(defaults, field.name)) for field in fields(Source))
    return _SEPARATOR.join(f"{name}={_format_value(value)}" for name, value, default in values if value != default)


def _format_value(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case Decimal():
            return f"{value.normalize():f}"
        case Mapping():
            return ",".join(f"{sent}={read}" for sent, read in sorted(value.items()))
        case _:
            return str(value)
