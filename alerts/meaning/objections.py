"""Objections: signs in other fields that an alert is no plain entry or exit, such as a cancel, a stop or a part.

A wrong trade costs more than a rejected alert, so any of these signs rejects it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from alerts.parsing import values
from alerts.parsing.fields import Field, Fields, squeeze
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary import objection_signs as signs
from alerts.vocabulary import words
from alerts.vocabulary.aliases import Aliases
from alerts.vocabulary.words import ParsedWords, PositionEffect, WordsContradict

# The status of a bar, a market or a session (`bar.status: closed`) is not the order's.
_BAR_OR_MARKET_PATH = re.compile(
    r"(?:^|[._-])(?:bar|candle|kline|ohlcv?|market|session)[._-]?(?:status|state)?(?:$|[._-])"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS = re.compile(r"[\s_\-./:!]+")
_LONGEST_WORD, _LONGEST_LABEL, _LONGEST_PROSE = 40, 100, 2_000
# A cheap first test, since the patterns above would run on every field of every alert.
_MAY_RULE_OUT = re.compile(r"cancel|exit|clos|reduc|partial|stop|liquid|expired|reject|hit|reach|filled", re.IGNORECASE)


def find_objection(
    fields: Fields, aliases: Aliases, *, stated: ParsedWords, instruction: ParsedWords, has_position: bool
) -> Field | None:
    """Return the first field that speaks against the order, None when none does.

    `stated` is the instruction in the words alone, `instruction` the same with the flags beside them. Signs such as
    `cancel` and `do not` always count, signs of closing, of a stop or of a target only for an entry. The order's name
    counts only when the alert has no position (`has_position`), which is more reliable.
    """
    is_exit = instruction.effect is PositionEffect.CLOSE
    event_pattern = signs.RULES_OUT_ORDER if stated.effect is PositionEffect.CLOSE else signs.RULES_OUT_ENTRY
    status_pattern = signs.STATUS_RULES_OUT_ORDER if is_exit else signs.STATUS_RULES_OUT_ENTRY
    return (
        _find_text(fields, signs.EVENT_FIELDS, _search_unless_instruction(event_pattern))
        or _find_text(fields, signs.STATUS_FIELDS, status_pattern.search)
        or _find_text(fields, signs.PROSE_FIELDS, signs.PROSE_RULES_OUT_ORDER.search, longest=_LONGEST_PROSE)
        or _find_flag(fields, signs.CANCEL_FLAGS, value=True, harmless=aliases.harmless)
        or (None if is_exit else _find_entry_objection(fields, has_position=has_position))
        or _find_waiting_order(fields, aliases.commands, is_exit=is_exit)
        or _find_contradicting_action(fields, instruction)
        or (None if is_exit or has_position else _find_exit_label(fields))
    )


def _find_entry_objection(fields: Fields, *, has_position: bool) -> Field | None:
    """Return a field of any name that speaks against an entry: a flag, or a text such as `stopped out`."""
    pattern = signs.ANY_FIELD_RULES_OUT_ORDER if has_position else signs.ANY_FIELD_RULES_OUT_ENTRY
    return (
        _find_flag(fields, (*signs.CLOSED_FLAGS, *signs.PARTIAL_FLAGS), value=True)
        or _find_in_any_field(fields, pattern)
        or _find_flag(fields, signs.ENTRY_FLAGS, value=False)
    )


def _find_exit_label(fields: Fields) -> Field | None:
    """Return a label or an id that is typical of a closing order."""
    matches = _search_unless_instruction(signs.LABEL_RULES_OUT_ENTRY, at_start=True)
    return _find_text(fields, signs.LABEL_FIELDS, matches) or _first_matching(fields.find_all(signs.ID_FIELDS), matches)


def _find_in_any_field(fields: Fields, pattern: re.Pattern[str]) -> Field | None:
    """Return a field of any name whose whole text matches."""
    for key, field in fields.iterate():
        text = field.value
        if not isinstance(text, str) or not 4 <= len(text) <= _LONGEST_WORD or not _MAY_RULE_OUT.search(text):
            continue
        if pattern.fullmatch(_normalise(text)) and not signs.UNRELATED_KEY.search(key) and not _is_about_bar(field):
            return field
    return None


def find_partial_close(fields: Fields) -> Field | None:
    """Return the field that says that only a part of the position is closed, None when none does."""
    return (
        _find_flag(fields, signs.PARTIAL_FLAGS, value=True)
        or _find_flag(fields, signs.WHOLE_FLAGS, value=False)
        or _find_text(fields, (*signs.LABEL_FIELDS, *signs.ORDER_TYPE_FIELDS), signs.PARTIAL.search)
        or _first_matching(fields.find_all(signs.ID_FIELDS), signs.PARTIAL.search)
        or next((field for field in _percent_fields(fields) if _is_part(field.value, whole=100)), None)
        or next((field for field in fields.find_by_key(signs.RATIO_FIELDS) if _is_part(field.value, whole=1)), None)
    )


def speaks_against_entry(text: str) -> bool:
    """Return whether a text that is no instruction mentions something that no entry comes with."""
    return _search_unless_instruction(signs.RULES_OUT_ENTRY)(_normalise(text)) is not None


def _find_text(
    fields: Fields, keys: Sequence[str], matches: Callable[[str], object], *, longest: int = _LONGEST_LABEL
) -> Field | None:
    return _first_matching(fields.find_by_key(keys), matches, longest=longest)


def _first_matching(
    fields: Sequence[Field], matches: Callable[[str], object], *, longest: int = _LONGEST_LABEL
) -> Field | None:
    """Return the first text field whose first `longest` characters match after normalisation."""
    for field in fields:
        if isinstance(field.value, str) and not _is_about_bar(field) and matches(_normalise(field.value[:longest])):
            return field
    return None


def _normalise(text: str) -> str:
    """Return a text in lower case with its words, also those of camelCase, separated by single blanks."""
    return _SEPARATORS.sub(" ", _CAMEL.sub(" ", text)).lower().replace("’", "'").strip()


def _is_about_bar(field: Field) -> bool:
    """Return whether a field is about a bar, a market or a session, and not about the order."""
    return _BAR_OR_MARKET_PATH.search(field.path.lower()) is not None


def _search_unless_instruction(pattern: re.Pattern[str], *, at_start: bool = False) -> Callable[[str], object]:
    """Return a search for a pattern that ignores texts which are instructions, such as `close long`."""
    search = pattern.match if at_start else pattern.search
    return lambda text: None if (match := search(text)) is None or _is_instruction(text) else match


def _is_instruction(text: str) -> bool:
    try:
        return words.parse(text) is not None
    except WordsContradict:
        return False


def _find_flag(fields: Fields, keys: Sequence[str], *, value: bool, harmless: Sequence[str] = ()) -> Field | None:
    """Return a flag that has the given value; `harmless` names do not count."""
    spellings = ("true", "yes") if value else ("false", "no")
    flags = (field for field in fields.find_by_key(keys) if str(field.value).strip().lower() in spellings)
    return next((flag for flag in flags if not _is_about_bar(flag) and squeeze(flag.path) not in harmless), None)


def _find_waiting_order(fields: Fields, commands: Sequence[str], *, is_exit: bool) -> Field | None:
    """Return the type of an order that waits at a stop or a target; nothing when the command itself closes.

    Such an order only protects a position, or closes it at a price that may never come.
    """
    if any(_is_plain_close(field.value) for field in fields.find_all(commands)):
        return None
    pattern = signs.WAITING_EXIT if is_exit else signs.PROTECTIVE_ORDER
    return _find_text(
        fields,
        signs.ORDER_TYPE_FIELDS,
        lambda order_type: pattern.search(order_type) or signs.RULES_OUT_ORDER.search(order_type),
    )


def _find_contradicting_action(fields: Fields, instruction: ParsedWords) -> Field | None:
    """Return another action or side, in any group, that orders the opposite or closes where the instruction opens."""
    actions = fields.find_by_key(signs.ACTION_FIELDS)
    return next((field for field in actions if _contradicts(str(field.value), instruction)), None)


def _contradicts(text: str, instruction: ParsedWords) -> bool:
    try:
        other = words.parse(text[:_LONGEST_LABEL])
    except WordsContradict:
        return True
    if other is None:
        return signs.RULES_OUT_ORDER.search(_normalise(text[:_LONGEST_LABEL])) is not None
    is_opposite = other.command is not None and instruction.command not in (None, other.command)
    closes = other.effect is PositionEffect.CLOSE and instruction.effect is not PositionEffect.CLOSE
    return is_opposite or closes


def _is_plain_close(value: Leaf) -> bool:
    """Return whether a value closes without saying buy or sell: `close`, `exit long`."""
    instruction = words.parse(str(value)[:_LONGEST_LABEL])
    return instruction is not None and instruction.effect is PositionEffect.CLOSE and instruction.command is None


def _percent_fields(fields: Fields) -> Iterator[Field]:
    """Yield the fields with a size in percent: by their name, their unit, or a percent sign."""
    yield from fields.find_by_key(signs.PERCENT_FIELDS)
    is_of_position = any("position" in str(field.value).lower() for field in fields.find_by_key(signs.SIZE_UNIT_FIELDS))
    sizes = fields.find_by_key(signs.SIZE_FIELDS)
    yield from (field for field in sizes if is_of_position or str(field.value).strip().endswith("%"))


def _is_part(value: Leaf, *, whole: int) -> bool:
    """Return whether a size is above zero and below the whole."""
    try:
        share = values.parse_number(value.strip().rstrip("%").strip() if isinstance(value, str) else value)
    except ValueUnreadable:
        return False
    return Decimal(0) < share < whole
