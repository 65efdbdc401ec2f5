"""The input schema of a source, shared by the API and the command line."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from alerts.meaning import times
from alerts.meaning.times import ZoneUnknown
from alerts.understand import DIALECT_NAMES
from alerts.vocabulary import symbols
from alerts.vocabulary.symbols import SymbolUnreadable
from domain import session_calendars
from domain.books import PAPER_BOOK
from domain.intervals import Interval, IntervalInvalid
from domain.session_calendars import CalendarUnknown
from domain.signal import InstrumentKind, SellAlone, Source

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_NAME_IN_JSON = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"  # the same, as JavaScript reads it
_NAME_RULE = "must be 1 to 63 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
_DAY_S = 86_400
_SHARE_DIGITS = 6


def _check_interval(text: str) -> None:
    try:
        Interval.parse(text)
    except IntervalInvalid as error:
        raise ValidationError(str(error)) from None


def _check_symbol(text: str) -> None:
    try:
        symbols.parse(text)
    except SymbolUnreadable as error:
        raise ValidationError(str(error)) from None


def _check_zone(text: str) -> None:
    try:
        times.parse_zone(text)
    except ZoneUnknown as error:
        raise ValidationError(str(error)) from None


def _check_calendar(name: str) -> None:
    try:
        session_calendars.load_calendar(name)
    except CalendarUnknown as error:
        raise ValidationError(str(error)) from None


def _check_share(share: Decimal) -> None:
    exponent = share.as_tuple().exponent
    if not 0 < share <= 1 or not isinstance(exponent, int) or exponent < -_SHARE_DIGITS:
        raise ValidationError(
            f"must be a share above 0, at most 1, with at most {_SHARE_DIGITS} decimals, such as 0.25"
        )


def is_source_name(text: str) -> bool:
    """Return whether a source may have this name."""
    return _NAME.match(text) is not None


def _check_printable(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("must be one line of printable characters")


class SourceInputSchema(Schema):
    """Settings of a new source; loading returns a `domain.signal.Source`."""

    name = fields.String(
        required=True,
        validate=validate.Regexp(_NAME, error=_NAME_RULE),
        metadata={"description": f"Name of the source: {_NAME_RULE}.", "pattern": _NAME_IN_JSON, "examples": ["desk"]},
    )
    book = fields.String(
        load_default=PAPER_BOOK,
        validate=(validate.Length(max=64), _check_printable),
        metadata={"description": "Book that its signals go to."},
    )
    strategy = fields.String(
        load_default="",
        validate=(validate.Length(max=200), _check_printable),
        metadata={"description": "Strategy of alerts that name none."},
    )
    timeframe = fields.String(
        load_default=None,
        allow_none=True,
        validate=_check_interval,
        metadata={"description": "Interval of alerts that name none.", "examples": ["1h"]},
    )
    exchange = fields.String(
        load_default="",
        validate=(validate.Length(max=64), _check_printable),
        metadata={"description": "Exchange of alerts that name none."},
    )
    instrument_kind = fields.Enum(
        InstrumentKind,
        by_value=True,
        load_default=None,
        allow_none=True,
        metadata={"description": "Kind of instrument of its symbols."},
    )
    sell_alone = fields.Enum(
        SellAlone,
        by_value=True,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Meaning of a sell without further information; null puts such alerts into quarantine."
        },
    )
    confidence_scale = fields.Integer(
        strict=True,
        load_default=100,
        validate=validate.OneOf((1, 10, 100)),
        metadata={"description": "Number that means full confidence."},
    )
    max_lag_s = fields.Integer(
        strict=True,
        load_default=300,
        validate=validate.Range(min=1, max=30 * _DAY_S),
        metadata={"description": "Age in seconds beyond which an alert is stale."},
    )
    dialect = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(DIALECT_NAMES),
        metadata={"description": "Dialect of its messages (default: recognized by their content)."},
    )
    symbols = fields.Dict(
        keys=fields.String(validate=_check_printable),
        values=fields.String(validate=_check_symbol),
        load_default=dict,
        metadata={
            "description": "Symbols it sends, and the symbols that they mean.",
            "examples": [{"US100": "NASDAQ:NDX"}],
        },
    )
    heartbeat_s = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=60, max=90 * _DAY_S),
        metadata={"description": "Seconds without a message after which an incident is opened."},
    )
    timezone = fields.String(
        load_default=None,
        allow_none=True,
        validate=_check_zone,
        metadata={
            "description": "Time zone of times that name none: an IANA name or an offset (default: UTC).",
            "examples": ["Asia/Kolkata", "+05:30"],
        },
    )
    calendar = fields.String(
        load_default=None,
        allow_none=True,
        validate=_check_calendar,
        metadata={
            "description": "Trading calendar with whose sessions its bars close: a name of exchange_calendars"
            " (default: that of the exchange).",
            "examples": ["XNYS", "CMES", "24/7"],
        },
    )
    sizing = fields.Decimal(
        load_default=Decimal(1),
        allow_nan=False,
        validate=_check_share,
        metadata={
            "description": "Share of its book's capital on which its entries are sized.",
            "examples": ["0.25"],
        },
    )
    pyramiding = fields.Integer(
        strict=True,
        load_default=1,
        validate=validate.Range(min=1, max=1_000_000),
        metadata={"description": "Most real trades it holds at once in one strategy, symbol and side."},
    )

    @post_load
    def make_source(self, data: dict[str, Any], **_: Any) -> Source:
        """Build the source from the validated settings."""
        text = data["timeframe"]
        timeframe = Interval.parse(text) if text is not None else None
        symbols = {"".join(sent.upper().split()): meant for sent, meant in data["symbols"].items()}
        return Source(**data | {"exchange": data["exchange"].upper(), "timeframe": timeframe, "symbols": symbols})
