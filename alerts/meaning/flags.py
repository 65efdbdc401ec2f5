"""Instructions in a field's name instead of its value: `reduceOnly: true`, `buy: 1, sell: 0`, `posSide: short`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from alerts.parsing.fields import Field, Fields, squeeze
from alerts.parsing.values import Leaf
from alerts.vocabulary import words
from alerts.vocabulary.words import ParsedWords, PositionEffect, WordsContradict

_CLOSING_FLAGS = ("reduceonly", "closeonly", "isexit", "isclose", "closeposition", "exit", "isclosing", "isreduceonly")
# Default comments of Pine Script's strategy.close and strategy.close_all.
_DEFAULT_CLOSE_COMMENT = re.compile(r"close (entry\(s\)|position) order\b", re.IGNORECASE)
_LONGEST_NAME = 100
_POSITION_SIDES = ("posside", "positionside", "holdside")
_EXIT_REASONS = ("exitreason", "closereason")
_EFFECT_FIELDS, _CLOSING_EFFECTS = (
    ("positioneffect", "effect", "offset", "openclose", "execinst"),
    ("close", "closing", "c", "reduceonly"),
)
# Bybit's positionIdx in hedge mode, where long and short are separate positions; 0 is one-way mode.
_SIDE_BY_INDEX = {"1": "long", "2": "short"}
_INSTRUCTION_BY_FLAG = {
    "buy": "buy",
    "isbuy": "buy",
    "sell": "sell",
    "issell": "sell",
    "long": "long",
    "islong": "long",
    "short": "short",
    "isshort": "short",
    "enterlong": "enter long",
    "entershort": "enter short",
    "longentry": "enter long",
    "shortentry": "enter short",
    "exitlong": "exit long",
    "exitshort": "exit short",
    "longexit": "exit long",
    "shortexit": "exit short",
    "closelong": "exit long",
    "closeshort": "exit short",
    "buysignal": "buy",
    "sellsignal": "sell",
    "longsignal": "long",
    "shortsignal": "short",
}


def read_flag_fields(fields: Fields) -> tuple[list[Field], list[ParsedWords]]:
    """Return the fields such as `buy: true` that are set, and the instructions in their names.

    A 1 counts only next to another of these fields that is 0: `buy: 1` alone may as well be a quantity.
    """
    flags = [(name, field) for name in _INSTRUCTION_BY_FLAG if (field := fields.find_first((name,))) is not None]
    has_unset = any(_parse_certain_bool(field.value) is False for _, field in flags)
    set_flags = [(name, field) for name, field in flags if _is_set(field.value, or_one=has_unset)]
    instructions = [words.parse(_INSTRUCTION_BY_FLAG[name]) for name, _ in set_flags]
    return [field for _, field in set_flags], [instruction for instruction in instructions if instruction is not None]


def find_position_side(fields: Fields) -> Field | None:
    """Return the field with the side of the position that the order belongs to, as in a venue's hedge mode.

    A position index is returned as the side that it stands for.
    """
    named_side = fields.find_first(_POSITION_SIDES) or next(iter(fields.find_by_key(_POSITION_SIDES)), None)
    if named_side is not None:
        return named_side
    indexes = (field for field in fields.find_by_key(("positionidx",)) if str(field.value).strip() in _SIDE_BY_INDEX)
    if (index := next(indexes, None)) is not None:
        return replace(index, value=_SIDE_BY_INDEX[str(index.value).strip()])
    return None


def apply_position_side(instruction: ParsedWords, position_side: Field | None) -> ParsedWords:
    """Add the side of the order's position: a command away from that side closes it, one towards it opens.

    Raises:
        WordsContradict: when the instruction says the opposite.
    """
    side = words.parse_side(str(position_side.value)) if position_side is not None else None
    if side is None:
        is_flat = position_side is not None and str(position_side.value).strip().lower() == "flat"
        return words.combine([instruction, ParsedWords(effect=PositionEffect.CLOSE)]) if is_flat else instruction
    if instruction.command is None or instruction.effect is not None:
        return words.combine([instruction, ParsedWords(side=side)])
    effect = PositionEffect.OPEN if instruction.command.towards is side else PositionEffect.CLOSE
    return words.combine([replace(instruction, effect=effect), ParsedWords(side=side)])


def find_closing_flag(fields: Fields) -> Field | None:
    """Return the field that makes the order a closing one (`reduceOnly: true`, an exit reason, `offset: close`)."""
    flags = (field for field in fields.find_by_key(_CLOSING_FLAGS) if _is_set(field.value, or_one=True))
    return next(flags, None) or next(iter(fields.find_by_key(_EXIT_REASONS)), None) or _find_closing_effect(fields)


def _find_closing_effect(fields: Fields) -> Field | None:
    """Return the field whose value says that the order reduces the position, such as `positionEffect: close`."""
    effects = fields.find_by_key(_EFFECT_FIELDS)
    return next((field for field in effects if squeeze(str(field.value)[:20]) in _CLOSING_EFFECTS), None)


def find_exit_label(fields: Fields, names: Sequence[str], *, labels: Sequence[str]) -> Field | None:
    """Return the order's name or comment when it calls the order an exit: `Exit Long`, `Close position order`.

    `names` are compared with whole paths, `labels` with the last key in any group.
    """
    candidates = (*fields.find_all(names), *fields.find_by_key(labels))
    return next((field for field in candidates if _is_exit_label(str(field.value))), None)


def _is_exit_label(text: str) -> bool:
    if _DEFAULT_CLOSE_COMMENT.match(text.strip()):
        return True
    try:
        instruction = words.parse(text[:_LONGEST_NAME])
    except WordsContradict:
        return False
    return instruction is not None and instruction.effect is PositionEffect.CLOSE


def apply_closing_flag(instruction: ParsedWords, closing_flag: Field) -> ParsedWords:
    """Return the instruction as a closing one: a sell closes a long, a buy closes a short.

    Raises:
        WordsContradict: when the instruction opens, or closes the other side than `closing_flag` names.
    """
    if instruction.effect not in (None, PositionEffect.CLOSE):
        raise WordsContradict("the order may only close, and the words say that it opens")
    side = instruction.command.towards.opposite if instruction.command is not None else instruction.side
    closing = replace(instruction, effect=PositionEffect.CLOSE, side=side)
    return words.combine([closing, ParsedWords(side=words.parse_side(str(closing_flag.value)))])


def _is_set(value: Leaf, *, or_one: bool) -> bool:
    """Return whether a flag is true; `or_one` accepts a 1 as true, too."""
    if or_one and not isinstance(value, bool) and str(value).strip() in ("1", "1.0"):
        return True
    return _parse_certain_bool(value) is True


def _parse_certain_bool(value: Leaf) -> bool | None:
    """Return a flag's value where it is certain: 0 is false, but a 1 may be a quantity and gives None."""
    text = str(value).strip().lower()
    if isinstance(value, bool) or text in ("true", "false", "yes", "no"):
        return text in ("true", "yes")
    return False if isinstance(value, int | Decimal | str) and text in ("0", "0.0") else None
