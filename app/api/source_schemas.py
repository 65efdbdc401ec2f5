"""The documents of the API-like surfaces: how a source is described when it is made, and how it is shown."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from alerts.understand import DIALECT_NAMES
from alerts.vocabulary import symbols
from alerts.vocabulary.symbols import SymbolUnreadable
from domain.books import PAPER_BOOK
from domain.intervals import Interval, IntervalInvalid
from domain.signal import InstrumentKind, SellAlone, Source

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_NAME_IN_JSON = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"  # the same, as JavaScript reads it
_NAME_RULE = "must be 1 to 63 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
_DAY_S = 86_400
_MOST_IDS = 100
_LONGEST_REASON = 500
_SHARE_DIGITS = 6


def _is_interval(written: str) -> None:
    try:
        Interval.parse(written)
    except IntervalInvalid as error:
        raise ValidationError(str(error)) from None


def _is_symbol(written: str) -> None:
    try:
        symbols.parse(written)
    except SymbolUnreadable as error:
        raise ValidationError(str(error)) from None


def _is_share(given: Decimal) -> None:
    exponent = given.as_tuple().exponent
    if not 0 < given <= 1 or not isinstance(exponent, int) or exponent < -_SHARE_DIGITS:
        raise ValidationError(
            f"must be a share above 0, at most 1, with at most {_SHARE_DIGITS} decimals, such as 0.25"
        )


def is_reason(written: str) -> None:
    """Check that a reason is one line.

    Raises:
        ValidationError: when it is not.
    """
    if not written.strip() or not written.isprintable() or len(written) > _LONGEST_REASON:
        raise ValidationError(f"must be a line of 1 to {_LONGEST_REASON} printable characters")


def is_reason_if_any(written: str) -> None:
    """Check that a reason that may be left out is one line, if it is there; raises as `is_reason` does."""
    if written:
        is_reason(written)


def is_name(written: str) -> bool:
    """Say whether this may be the name of a source."""
    return _NAME.match(written) is not None


def _is_plain(written: str) -> None:
    if not written.isprintable():
        raise ValidationError("must be one line of printable characters")


class SourceInputSchema(Schema):
    """What it takes to make a source; loading gives a `domain.signal.Source`."""

    name = fields.String(
        required=True,
        validate=validate.Regexp(_NAME, error=_NAME_RULE),
        metadata={"description": f"Its name: {_NAME_RULE}.", "pattern": _NAME_IN_JSON, "examples": ["desk"]},
    )
    book = fields.String(
        load_default=PAPER_BOOK,
        validate=(validate.Length(max=64), _is_plain),
        metadata={"description": "The book its signals go to."},
    )
    strategy = fields.String(
        load_default="",
        validate=(validate.Length(max=200), _is_plain),
        metadata={"description": "The strategy of alerts that name none."},
    )
    timeframe = fields.String(
        load_default=None,
        allow_none=True,
        validate=_is_interval,
        metadata={"description": "The interval of alerts that name none.", "examples": ["1h"]},
    )
    exchange = fields.String(
        load_default="",
        validate=(validate.Length(max=64), _is_plain),
        metadata={"description": "The exchange of alerts that name none."},
    )
    instrument_kind = fields.Enum(
        InstrumentKind,
        by_value=True,
        load_default=None,
        allow_none=True,
        metadata={"description": "What its symbols are."},
    )
    sell_alone = fields.Enum(
        SellAlone,
        by_value=True,
        load_default=None,
        allow_none=True,
        metadata={"description": "What a bare sell means."},
    )
    confidence_scale = fields.Integer(
        strict=True,
        load_default=100,
        validate=validate.OneOf((1, 10, 100)),
        metadata={"description": "What full confidence is."},
    )
    max_lag_s = fields.Integer(
        strict=True,
        load_default=300,
        validate=validate.Range(min=1, max=30 * _DAY_S),
        metadata={"description": "Alerts that are older, in seconds, are stale."},
    )
    dialect = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(DIALECT_NAMES),
        metadata={"description": "The form of its messages (default: told by their content)."},
    )
    symbols = fields.Dict(
        keys=fields.String(validate=_is_plain),
        values=fields.String(validate=_is_symbol),
        load_default=dict,
        metadata={"description": "How to read symbols it sends.", "examples": [{"US100": "NASDAQ:NDX"}]},
    )
    heartbeat_s = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=60, max=90 * _DAY_S),
        metadata={"description": "An incident is opened when it is silent for longer, in seconds."},
    )
    sizing = fields.Decimal(
        load_default=Decimal(1),
        allow_nan=False,
        validate=_is_share,
        metadata={
            "description": "The share of its book's capital that its entries are sized on.",
            "examples": ["0.25"],
        },
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Source:
        """Return the source that was described."""
        written = data["timeframe"]
        timeframe = Interval.parse(written) if written is not None else None
        symbols = {"".join(sent.upper().split()): read for sent, read in data["symbols"].items()}
        return Source(**data | {"exchange": data["exchange"].upper(), "timeframe": timeframe, "symbols": symbols})


class ActInputSchema(Schema):
    """What an act on signals or events names: `ids`, each once and at most 100, and the `reason`, one line."""

    ids = fields.List(
        fields.UUID(),
        required=True,
        validate=validate.Length(min=1, max=_MOST_IDS),
        metadata={"description": "What is meant, by id."},
    )
    reason = fields.String(
        required=True,
        validate=is_reason,
        metadata={"description": "Why; it is kept in the audit log.", "examples": ["the cause is mended"]},
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what was given, each id once."""
        return data | {"ids": list(dict.fromkeys(data["ids"]))}
