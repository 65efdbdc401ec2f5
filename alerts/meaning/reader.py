"""The reader that all dialects share: finds each value by its aliases and parses it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from alerts.meaning import bars, intent_reader, symbol_fields, times, unsupported
from alerts.meaning.content_hash import identifier_text
from alerts.meaning.field_reader import FieldReader
from alerts.meaning.intent_reader import SYMBOL_KEYS, AlertRequest
from alerts.meaning.reading import AlertUnclear, Identity, Reading
from alerts.parsing import values
from alerts.parsing.fields import Field, Fields, squeeze
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary import symbols
from alerts.vocabulary.aliases import Aliases
from alerts.vocabulary.symbols import SymbolUnreadable
from domain.signal import Action, Flag, Instrument, Position, Source

_SEVERAL_SYMBOLS = "lists several symbols: send an alert for each of them, with one symbol and what to do"
_PRICE_OR_FLAG = ("entry", "close")
# Of an exit, the price that it is about comes first, and the price of its entry does not count.
_EXIT_PRICES, _ENTRY_PRICES = ("exitprice", "exitpx", "closeprice"), ("sigpx", "entrypx")


def read(fields: Fields, source: Source, *, aliases: Aliases, received_at: datetime | None = None) -> Reading:
    """Read a payload by its field names; `received_at` is its time of arrival, if known.

    Raises:
        AlertUnclear: with an entry for each field that is missing, ambiguous or unreadable.
    """
    reader = FieldReader(fields=fields, source=source, aliases=aliases, received_at=received_at)
    # The symbol comes first: the request leaves out groups that are about another symbol.
    instrument, request = read_instrument(reader), intent_reader.read_request(reader)
    reader.is_exit = request is not None and request.intent.action is Action.EXIT
    bar_time, event_at = times.read_times(reader)
    timeframe = reader.read_unneeded("timeframe", values.parse_interval, Flag.TIMEFRAME_UNREADABLE) or source.timeframe
    price = _read_price(reader)
    confidence = _read_confidence(reader)
    strategy = reader.read_optional("strategy", values.parse_text) or source.strategy
    is_test = reader.read_optional("is_test", values.parse_bool) or False
    if reader.errors or instrument is None or request is None:
        symbol = instrument.symbol if instrument is not None else None
        raise AlertUnclear(reader.errors, symbol=symbol, price=price, is_test=is_test)
    return Reading(
        instrument=instrument,
        direction=request.intent.direction,
        action=request.intent.action,
        timeframe=timeframe,
        bar_time=bar_time,
        event_at=event_at,
        price=price,
        confidence=confidence,
        sequence=_read_sequence(reader),
        position_before=request.before,
        position_after=_resulting_position(request),
        strategy=strategy,
        bar=bars.read_bar(fields, aliases.bars, bar_time),
        is_test=is_test,
        identity=_read_identity(fields, aliases),
        read_from=reader.read_from,
        flags=tuple(reader.flags),
    )


def read_instrument(reader: FieldReader) -> Instrument | None:
    """Read symbol and exchange; add an error and return None when the symbol is missing, unreadable or contradicted."""
    field = symbol_fields.find_symbol(reader.fields, reader.aliases.symbol, fallback_keys=SYMBOL_KEYS)
    if field is None:
        symbol_list = next(
            (item for item in reader.fields.list_items if squeeze(item.path) in reader.aliases.symbol), None
        )
        if symbol_list is not None:
            reader.add_error(symbol_list.path, _SEVERAL_SYMBOLS)
        else:
            reader.add_error("symbol", "is required, such as BTCUSDT, BINANCE:BTCUSDT or EURUSD")
        return None
    instrument = reader.parse_field("symbol", field, lambda value: _parse_symbol(value, reader.source))
    if instrument is not None and (conflict := _find_conflicting_symbol(reader, instrument)) is not None:
        reader.add_error(conflict.path, f"names another symbol than {field.path}: send one of them")
        return None
    if (option := unsupported.find_option_symbol(reader.fields)) is not None and instrument is not None:
        reader.add_error(option.path, "is the symbol of an option, which is not supported")
    exchange = reader.read_optional("exchange", values.parse_text) or ""
    if instrument is None:
        return None
    reader.instrument = Instrument(
        symbol=instrument.symbol,
        exchange=instrument.exchange or exchange.upper() or reader.source.exchange,
        kind=reader.source.instrument_kind or instrument.kind,
    )
    return reader.instrument


def _parse_symbol(value: Leaf, source: Source) -> Instrument:
    """Parse a symbol, after replacing it by the one that the source's settings map it to."""
    text = values.parse_text(value)
    if "," in text:
        raise SymbolUnreadable(_SEVERAL_SYMBOLS)
    return symbols.parse(source.symbols.get("".join(text.upper().split()), text))


def _find_conflicting_symbol(reader: FieldReader, instrument: Instrument) -> Field | None:
    return symbol_fields.find_conflicting_symbol(
        reader.fields, instrument.symbol, parse=lambda value: _parse_symbol(value, reader.source)
    )


def _read_price(reader: FieldReader) -> Decimal | None:
    """Read the first price; fields with 0 or `market`, and flags such as `entry: true`, have none."""
    names = reader.aliases.price
    if reader.is_exit:
        names = _EXIT_PRICES + tuple(name for name in names if name not in _ENTRY_PRICES)
    fields = (field for field in reader.fields.find_all(names) if not values.is_no_price(field.value))
    field = next((field for field in fields if not _is_flag(field)), None)
    if field is None:
        return None
    return reader.parse_unneeded("price", field, values.parse_price, Flag.PRICE_UNREADABLE)


def _is_flag(field: Field) -> bool:
    """Return whether a field is `entry: true` or `close: false`: a flag, not a price."""
    return field.path.lower() in _PRICE_OR_FLAG and str(field.value).strip().lower() in ("true", "false")


def _read_confidence(reader: FieldReader) -> Decimal | None:
    """Read the confidence on the source's scale and return it on 0..100."""
    scale = reader.source.confidence_scale
    return reader.read_unneeded("confidence", lambda value: _parse_confidence(value, scale), Flag.CONFIDENCE_UNREADABLE)


def _parse_confidence(value: Leaf, scale: int) -> Decimal:
    confidence = values.parse_number(value)
    if not 0 <= confidence <= scale:
        raise ValueUnreadable(f"must be between 0 and {scale}, the scale that is set for this source")
    return confidence * (100 // scale)


def _read_sequence(reader: FieldReader) -> int | None:
    """Read the alert's number; one that is unreadable is ignored, since an alert must not be lost for it."""
    field = reader.fields.find_first(reader.aliases.sequence)
    try:
        return reader.record_source("sequence", field, values.parse_count(field.value)) if field is not None else None
    except ValueUnreadable:
        return None


def _resulting_position(request: AlertRequest) -> Position | None:
    """Return the position after the order; None when an exit comes with a side, which is the side being closed."""
    return None if request.intent.action is Action.EXIT and request.after is not Position.FLAT else request.after


def _read_identity(fields: Fields, aliases: Aliases) -> Identity:
    explicit_id, order_id, comment = (
        identifier_text(field.value) if (field := fields.find_first(names)) is not None else None
        for names in (aliases.explicit_id, aliases.order_id, aliases.comment)
    )
    return Identity(explicit_id=explicit_id, order_id=order_id, comment=comment)
