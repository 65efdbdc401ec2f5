"""The settings under which a replay reads its alerts: those of a source, or the defaults."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

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
    """Write settings as one text, to be hashed; empty for the defaults, so that these need not be named."""
    if settings == build_settings(None, timeframe=timeframe):
        return ""
    return _SEPARATOR.join(
        (
            *(settings.strategy, str(settings.timeframe), settings.exchange),
            settings.instrument_kind.value if settings.instrument_kind is not None else "",
            settings.sell_alone.value if settings.sell_alone is not None else "",
            *(str(settings.confidence_scale), str(settings.max_lag_s), settings.dialect or ""),
            *(f"{sent}={read}" for sent, read in sorted(settings.symbols.items())),
            *(f"{Decimal(settings.sizing).normalize():f}", settings.timezone or "", str(settings.pyramiding)),
        )
    )
