"""The documents of the API-like surfaces: how a source is described when it is made, and how it is shown."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from app.dialects import symbols
from app.dialects.registry import NAMES
from app.dialects.symbols import SymbolUnreadable
from domain.intervals import Interval, IntervalInvalid
from domain.signal import InstrumentKind, SellAlone, Source

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_NAME_RULE = "must be 1 to 63 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
_DAY_S = 86_400
_MOST_IDS = 100
_LONGEST_REASON = 500


def _is_interval(written: str) -> None:
    try:
        Interval.parse(written)
    except IntervalInvalid as error:
        raise ValidationError(str(error)) from None


def _is_symbol(written: str) -> None:
    try:
        symbols.read(written)
    except SymbolUnreadable as error:
        raise ValidationError(str(error)) from None


def is_reason(written: str) -> None:
    """Check that a reason is one line.

    Raises:
        ValidationError: when it is not.
    """
    if not written.strip() or not written.isprintable() or len(written) > _LONGEST_REASON:
        raise ValidationError(f"must be a line of 1 to {_LONGEST_REASON} printable characters")


class SourceInput(Schema):
    """What it takes to make a source; loading gives a `domain.signal.Source`."""

    name = fields.String(required=True, validate=validate.Regexp(_NAME, error=_NAME_RULE))
    book = fields.String(load_default="paper")
    strategy = fields.String(load_default="", validate=validate.Length(max=200))
    timeframe = fields.String(load_default=None, allow_none=True, validate=_is_interval)
    exchange = fields.String(load_default="", validate=validate.Length(max=64))
    instrument_kind = fields.Enum(InstrumentKind, by_value=True, load_default=None, allow_none=True)
    sell_alone = fields.Enum(SellAlone, by_value=True, load_default=None, allow_none=True)
    confidence_scale = fields.Integer(load_default=100, validate=validate.OneOf((1, 10, 100)))
    max_lag_s = fields.Integer(load_default=300, validate=validate.Range(min=1, max=30 * _DAY_S))
    dialect = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(NAMES))
    symbols = fields.Dict(keys=fields.String(), values=fields.String(validate=_is_symbol), load_default=dict)
    heartbeat_s = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=60, max=90 * _DAY_S))

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Source:
        """Return the source that was described."""
        written = data["timeframe"]
        timeframe = Interval.parse(written) if written is not None else None
        symbols = {"".join(sent.upper().split()): read for sent, read in data["symbols"].items()}
        return Source(**data | {"exchange": data["exchange"].upper(), "timeframe": timeframe, "symbols": symbols})


class ActInput(Schema):
    """What an act on signals or events names: `ids`, each once and at most 100, and the `reason`, one line."""

    ids = fields.List(fields.UUID(), required=True, validate=validate.Length(min=1, max=_MOST_IDS))
    reason = fields.String(required=True, validate=is_reason)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what was given, each id once."""
        return data | {"ids": list(dict.fromkeys(data["ids"]))}


class SourceOutput(Schema):
    """A source as it is shown to its owner, with its token and the URL to post to."""

    name = fields.String()
    book = fields.String()
    token = fields.String()
    url = fields.String()
    enabled = fields.Boolean()
    strategy = fields.String()
    timeframe = fields.Function(lambda source: str(source.timeframe) if source.timeframe is not None else None)
    exchange = fields.String()
    instrument_kind = fields.Enum(InstrumentKind, by_value=True)
    sell_alone = fields.Enum(SellAlone, by_value=True)
    confidence_scale = fields.Integer()
    max_lag_s = fields.Integer()
    dialect = fields.String()
    symbols = fields.Dict()
    heartbeat_s = fields.Integer()
