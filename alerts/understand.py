"""The dialects in the order they are tried, and the way from a body to signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from alerts.meaning import content_hash, envelopes
from alerts.meaning.reading import AlertUnclear, Dialect, FieldErrors, Reading
from alerts.parsing import body as bodies
from alerts.parsing.body import BodyUnreadable, Part
from alerts.parsing.fields import Fields
from alerts.redaction import redacted
from domain.signal import NewSignal, Source

DIALECTS: tuple[Dialect, ...] = tuple(
    one.DIALECT
    for one in (
        hackingthemarkets,
        three_commas,
        pineconnector,
        nested,
        openalgo,
        strategy_sentence,
        piped,
        traderspost,
        tradex,
        octobot,
        thibaultyou,
        dual_engine,
        general,
    )
)
NAMES = tuple(one.name for one in DIALECTS)
_BY_NAME = {one.name: one for one in DIALECTS}
_TEST_BOOK = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A body, or one element of it, that cannot become a signal, and per field what would be right."""

    raw: bytes
    errors: FieldErrors


def understand(body: bytes, source: Source) -> list[NewSignal | Refused]:
    """Read a body as the signals it holds, in order; whatever the bytes, each part is a signal or refused."""
    try:
        parts = bodies.decode(body)
    except BodyUnreadable as error:
        return [Refused(raw=body, errors={"body": [str(error)]})]
    return [_understand(one, source) for part in parts for one in envelopes.opened(part)]


def detect(fields: Fields) -> Dialect:
    """Return the first dialect that recognises a payload; the general one always does."""
    return next(dialect for dialect in DIALECTS if dialect.recognises(fields))


def _understand(part: Part, source: Source) -> NewSignal | Refused:
    if not isinstance(part.payload, Mapping) or not part.payload:
        return Refused(raw=part.raw, errors={"body": ["must be a JSON object with at least a symbol and an action"]})
    fields = Fields(part.payload)
    dialect = _BY_NAME.get(source.dialect or "") or detect(fields)
    try:
        reading = dialect.read(fields, source)
    except AlertUnclear as error:
        return Refused(raw=part.raw, errors=error.errors)
    return _signal(reading, source, dialect=dialect, raw=part.raw, payload=redacted(part.payload))


def _signal(reading: Reading, source: Source, *, dialect: Dialect, raw: bytes, payload: dict[str, Any]) -> NewSignal:
    content = content_hash.content_hash(payload, reading)
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
        is_test=reading.is_test,
        dialect=dialect.name,
        read_from=reading.read_from,
        raw_body=raw,
        raw_payload=payload,
    )
