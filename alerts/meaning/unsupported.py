"""Recognition of messages that are no orders of ours to follow: orders for options, and reports of a fill."""

from __future__ import annotations

import re

from alerts.parsing.fields import Field, Fields
from alerts.vocabulary import objection_signs as signs
from alerts.vocabulary import option_symbols
from alerts.vocabulary.aliases import GENERAL

# PE, CE and CALL are symbols of shares, too.
_SYMBOL_KEYS = frozenset({*GENERAL.symbol, "base", "coin"}) - {"contract", "instrument", "market", "asset"}
_LONGEST_LABEL = 60
_LONGEST_WORD = max(map(len, signs.OPTION_WORDS))
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS = re.compile(r"[\s_\-./:!]+")


def find_option(fields: Fields) -> Field | None:
    """Return the field that makes the order one for an option: a bought put bets on a falling price."""
    for field in fields.find_by_key(signs.OPTION_TYPE_FIELDS):
        if signs.OPTION_TYPE.fullmatch(str(field.value).strip()):
            return field
    stated = fields.find_by_key(signs.OPTION_FIELDS)
    return next((field for field in stated if str(field.value).strip() not in ("0", "0.0")), None) or _find_word(fields)


def _find_word(fields: Fields) -> Field | None:
    """Return a field of any name that says put or call, or the label that names one."""
    for key, field in fields.iterate():
        text = field.value
        if not isinstance(text, str):
            continue
        if len(text) <= _LONGEST_WORD and text.upper() in signs.OPTION_WORDS and key not in _SYMBOL_KEYS:
            return field
        if key in signs.OPTION_LABEL_FIELDS and signs.OPTION_IN_LABEL.search(text[:_LONGEST_LABEL]):
            return field
    return None


def find_option_symbol(fields: Fields) -> Field | None:
    """Return a field beside the symbol that holds the symbol of an option."""
    candidates = fields.find_by_key(signs.CONTRACT_FIELDS)
    return next(
        (field for field in candidates if option_symbols.is_option("_".join(str(field.value).upper().split()))), None
    )


def find_fill_report(fields: Fields) -> Field | None:
    """Return the field that makes the message a report of something done: `entry_fill`, `executionReport`."""
    for field in fields.find_by_key(signs.REPORT_FIELDS):
        text = _SEPARATORS.sub(" ", _CAMEL.sub(" ", str(field.value)[:_LONGEST_LABEL])).lower().strip()
        if signs.FILL_REPORT.fullmatch(text):
            return field
    return None
