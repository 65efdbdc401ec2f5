"""Reading of a strategy's position before and after its order, from words, signed sizes and TradingView's sentence."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.meaning.field_reader import FieldReader
from alerts.meaning.intent import IntentUnclear
from alerts.parsing import strategy_sentence, values
from alerts.parsing.fields import Field
from alerts.parsing.values import ValueUnreadable
from alerts.vocabulary import symbols, words
from alerts.vocabulary.objection_signs import PROSE_FIELDS
from alerts.vocabulary.symbols import SymbolUnreadable
from alerts.vocabulary.words import Command, ParsedWords
from domain.signal import Position

_SENTENCE_FIELDS = (*PROSE_FIELDS, "msg", "body", "alertmessage", "payload", "data", "info", "strategyordercomment")
_SHORTEST_SENTENCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySentence:
    """TradingView's default sentence in a field of an alert; `command` is None where it names only the position."""

    field: Field
    position: Position
    command: Command | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedPositions:
    """Positions around the order, None where the alert does not state them.

    `may_reduce` is a field that holds a position above zero, or the size of the order.
    """

    before: Position | None
    after: Position | None
    may_reduce: Field | None = None


def find_sentence(reader: FieldReader) -> StrategySentence | None:
    """Return the sentence about the strategy's order that stands in a line of a text field.

    Raises:
        IntentUnclear: when it is about another symbol.
    """
    texts = [field for _, field in reader.fields.iterate() if isinstance(field.value, str) and "@" in field.value]
    for field in (*texts, *reader.fields.find_by_key(_SENTENCE_FIELDS)):
        for line in str(field.value).splitlines():
            if len(line) >= _SHORTEST_SENTENCE and (sentence := _parse_sentence(reader, field, line)) is not None:
                return sentence
    return None


def read_positions(reader: FieldReader, instruction: ParsedWords, sentence: StrategySentence | None) -> StatedPositions:
    """Return the positions that the alert states.

    Raises:
        IntentUnclear: when two fields state different positions after the order.
    """
    before = _read_word(reader, "before") or _read_size(reader, "size_before", counted=(Position.SHORT,))
    after = _read_word(reader, "after") or _read_size(reader, "size_after", counted=tuple(Position))
    flat = _read_size(reader, "absolute_size_after", counted=(Position.FLAT,))
    if sentence is not None:
        after = _agree(reader.record_source("action", sentence.field, sentence.position), after, sentence.field)
    if flat is not None:
        after = _agree(flat, after, reader.fields.find_first(reader.aliases.absolute_size_after))
    if after is not None or not instruction.is_bare:
        return StatedPositions(before=before, after=after)
    return _read_loose_size(reader, before)


def _read_loose_size(reader: FieldReader, before: Position | None) -> StatedPositions:
    """Return the positions with the one after the order from a field that may hold the order's size instead."""
    loose = reader.fields.find_first(reader.aliases.loose_size_after)
    position = _position_of(loose) if loose is not None else None
    if loose is None or position is None or (loose.path.lower() == "position.size"):
        # A size within a group `position` is most often the one that the order shall have.
        return StatedPositions(before=before, after=None)
    if position is Position.LONG:
        return StatedPositions(before=before, after=None, may_reduce=loose)
    return StatedPositions(before=before, after=reader.record_source("action", loose, position))


def _agree(position: Position, stated: Position | None, field: Field | None) -> Position:
    """Return the position, which must be the stated one where there is one."""
    if stated is not None and stated is not position:
        path = field.path if field is not None else "a field"
        raise IntentUnclear(f"{path} speaks of another position after the order than the other fields")
    return position


def _parse_sentence(reader: FieldReader, field: Field, text: str) -> StrategySentence | None:
    """Return the sentence in a text; one whose words are not known counts only when it leads to flat or short."""
    sentence = strategy_sentence.parse_structure(text)
    if sentence is None:
        size = strategy_sentence.parse_position(text)
        position = _position_of_size(size) if size is not None else None
        if position is None or position is Position.LONG:
            return None
        return StrategySentence(field=field, position=position, command=None)
    position = _position_of_size(sentence["position_size"])
    if position is None or (position is Position.LONG and strategy_sentence.parse(text) is None):
        return None
    _refuse_other_symbol(reader, field, sentence["ticker"])
    return StrategySentence(field=field, position=position, command=Command(sentence["action"].lower()))


def _refuse_other_symbol(reader: FieldReader, field: Field, ticker: str) -> None:
    try:
        symbol = symbols.parse(ticker).symbol
    except SymbolUnreadable:
        return
    read = reader.instrument.symbol if reader.instrument is not None else symbol
    if symbol not in read and read not in symbol:
        raise IntentUnclear(f"{field.path} speaks of another symbol")


def _read_word(reader: FieldReader, meaning: str) -> Position | None:
    """Return the position in the field `before` or `after`; None when it has no known word."""
    field = reader.fields.find_first(getattr(reader.aliases, meaning))
    if field is None:
        return None
    position = _parse_word(str(field.value).strip().lower())
    if position is None and (size := _position_of(field)) is not None:
        # Before the order, a number above zero may be the size of a short position.
        position = None if meaning == "before" and size is Position.LONG else size
    return reader.record_source("action", field, position) if position is not None else None


def _parse_word(text: str) -> Position | None:
    side = words.parse_side(text)
    if side is not None:
        return Position(side.value)
    return Position.FLAT if text in ("flat", "closed") else None


def _read_size(reader: FieldReader, meaning: str, *, counted: tuple[Position, ...]) -> Position | None:
    """Return the position by the sign of its size; None for no number, and for a position that does not count."""
    field = reader.fields.find_first(getattr(reader.aliases, meaning))
    position = _position_of(field) if field is not None else None
    if field is None or position not in counted:
        return None
    return reader.record_source("action", field, position)


def _position_of(field: Field) -> Position | None:
    try:
        size = values.parse_number(field.value)
    except ValueUnreadable:
        return None
    return Position.FLAT if not size else Position.LONG if size > 0 else Position.SHORT


def _position_of_size(size: str) -> Position | None:
    return _position_of(Field(path="", value=size))
