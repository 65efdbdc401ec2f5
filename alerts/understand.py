"""Conversion of an alert's body to signals, with the list of dialects in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from alerts.dialects import (
    dual_engine,
    general,
    hackingthemarkets,
    nested,
    octobot,
    openalgo,
    pineconnector,
    piped,
    strategy_sentence,
    thibaultyou,
    three_commas,
    traderspost,
    tradex,
)
from alerts.meaning import bar_message, content_hash, envelopes, placeholders
from alerts.meaning.reading import AlertUnclear, Dialect, FieldErrors, Reading
from alerts.parsing import body as bodies
from alerts.parsing.body import BodyUnreadable, DecodedMessage
from alerts.parsing.fields import Fields
from alerts.redaction import redact
from domain.bar_messages import BarMessage
from domain.signal import NewSignal, Source

# The first dialect that recognises a payload reads it, so the list goes from the most specific form to the most
# general one. To add a dialect, write a module with its DIALECT in alerts/dialects and add a line here.
DIALECTS: tuple[Dialect, ...] = tuple(
    module.DIALECT
    for module in (
        # Forms with a field name that no other sender uses. hackingthemarkets comes before nested, which has
        # `strategy.order_action` too: where a bar stands beside it, `time` is the firing time and not the bar's.
        hackingthemarkets,
        three_commas,
        pineconnector,
        nested,
        openalgo,
        # Forms with common field names, recognised by their combination; those of the parsers for plain text first,
        # since they need four or five fields at once.
        strategy_sentence,
        piped,
        traderspost,
        tradex,
        octobot,
        thibaultyou,
        # One field such as `signal` or `trend` is enough here, and messages of all forms above may have one.
        dual_engine,
        # Recognises every payload, so nothing behind it would ever be tried.
        general,
    )
)
DIALECT_NAMES = tuple(dialect.name for dialect in DIALECTS)
_BY_NAME = {dialect.name: dialect for dialect in DIALECTS}
_TEST_BOOK = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableAlert:
    """A body, or one message of it, that cannot become a signal, with the errors of each field.

    `symbol` and `price` are those that it names, None where they are missing or unreadable. `is_test` is true when it
    says that it is a test, `is_bar` when it is of a bar feed.
    """

    raw: bytes
    errors: FieldErrors
    symbol: str | None = None
    price: Decimal | None = None
    is_test: bool = False
    is_bar: bool = False


Understood: TypeAlias = NewSignal | BarMessage | UnreadableAlert


def understand(
    body: bytes, source: Source, *, received_at: datetime | None = None
) -> list[NewSignal | UnreadableAlert]:
    """Convert a body to signals, as `understand_all` does, without the bars of a bar feed."""
    parts = understand_all(body, source, received_at=received_at)
    return [part for part in parts if not isinstance(part, BarMessage)]


def understand_all(body: bytes, source: Source, *, received_at: datetime | None = None) -> list[Understood]:
    """Convert a body to signals, or to the bars of a bar feed, in the order of its messages.

    It never raises, whatever the bytes are. `received_at` is the time of arrival, by which times that lack their zone
    are recognised (None: they are not).
    """
    try:
        messages = bodies.decode(body)
    except BodyUnreadable as error:
        return [UnreadableAlert(raw=body, errors=placeholders.name_in_body({"body": [str(error)]}, body))]
    return [_convert_message(inner, source, received_at) for message in messages for inner in envelopes.unwrap(message)]


def detect_dialect(fields: Fields) -> Dialect:
    """Return the first dialect that recognises a payload; the general one always does."""
    return next(dialect for dialect in DIALECTS if dialect.recognises(fields))


def _convert_message(message: DecodedMessage, source: Source, received_at: datetime | None) -> Understood:
    """Read one message with the source's dialect, or else with the one that recognises it."""
    if not isinstance(message.payload, Mapping) or not message.payload:
        errors = {"body": ["must be a JSON object with at least a symbol and an action"]}
        return UnreadableAlert(raw=message.raw, errors=errors)
    fields = Fields(message.payload)
    if bar_message.recognises(fields):
        return _convert_bar_message(fields, message, source, received_at)
    dialect = _BY_NAME.get(source.dialect or "") or detect_dialect(fields)
    try:
        reading = dialect.read(fields, source, received_at=received_at)
    except AlertUnclear as error:
        named = placeholders.name_in_payload(error.errors, message)
        return UnreadableAlert(
            raw=message.raw, errors=named, symbol=error.symbol, price=error.price, is_test=error.is_test
        )
    return _build_signal(reading, source, dialect=dialect, raw=message.raw, payload=redact(message.payload))


def _convert_bar_message(
    fields: Fields, message: DecodedMessage, source: Source, received_at: datetime | None
) -> BarMessage | UnreadableAlert:
    """Read a message of a bar feed."""
    try:
        return bar_message.read(fields, source, raw=message.raw, received_at=received_at)
    except AlertUnclear as error:
        named = placeholders.name_in_payload(error.errors, message)
        return UnreadableAlert(raw=message.raw, errors=named, symbol=error.symbol, is_test=error.is_test, is_bar=True)


def _build_signal(
    reading: Reading, source: Source, *, dialect: Dialect, raw: bytes, payload: dict[str, Any]
) -> NewSignal:
    """Build the signal of a reading; `payload` has its secrets redacted."""
    content = content_hash.compute(payload, reading)
    return NewSignal(
        book=_TEST_BOOK if reading.is_test else source.book,
        source=source.name,
        strategy=reading.strategy,
        symbol=reading.instrument.symbol,
        exchange=reading.instrument.exchange,
        instrument_kind=reading.instrument.kind,
        direction=reading.direction,
        action=reading.action,
        timeframe=reading.timeframe,
        timestamp=reading.bar_time or reading.event_at,
        event_at=reading.event_at,
        price=reading.price,
        confidence=reading.confidence,
        sequence=reading.sequence,
        position_before=reading.position_before,
        position_after=reading.position_after,
        bar=reading.bar,
        content_hash=content.digest,
        timeless=content.timeless,
        is_of_bar=content.is_of_bar,
        is_test=reading.is_test,
        dialect=dialect.name,
        read_from=reading.read_from,
        raw_body=raw,
        raw_payload=payload,
        flags=reading.flags,
    )
