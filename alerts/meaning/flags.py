"""What stands in a field's name instead of its value: `reduceOnly: true`, `buy: 1, sell: 0`, `posSide: short`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from alerts.parsing.fields import Field, Fields, squeeze
from alerts.parsing.values import Leaf
from alerts.vocabulary import words
from alerts.vocabulary.words import Verb, Wish, WordsContradict

_ONLY_CLOSES = ("reduceonly", "closeonly", "isexit", "isclose", "closeposition", "exit", "isclosing", "isreduceonly")
# What a strategy's order is called by default when it closes: strategy.close and strategy.close_all.
_CLOSES_BY_DEFAULT = re.compile(r"close (entry\(s\)|position) order\b", re.IGNORECASE)
_LONGEST_NAME = 100
_SIDES = ("posside", "positionside", "holdside")
_REASONS = ("exitreason", "closereason")
_EFFECTS, _SMALLER = (
    ("positioneffect", "effect", "offset", "openclose", "execinst"),
    ("close", "closing", "c", "reduceonly"),
)
# Where long and short are held apart, by number: 0 where they are not.
_BY_INDEX = {"1": "long", "2": "short"}
_NAMED = {
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


def named(fields: Fields) -> tuple[list[Field], list[Wish]]:
    """Return the fields whose name says what to do and whose value says that it is so, and what they say.

    A 1 counts only where another of these fields is there and says 0: alone it may as well be a quantity.
    """
    given = [(name, field) for name in _NAMED if (field := fields.first((name,))) is not None]
    has_no = any(_is(field.value) is False for _, field in given)
    said = [(name, field) for name, field in given if _is_yes(field.value, or_one=has_no)]
    wishes = [words.read(_NAMED[name]) for name, _ in said]
    return [field for _, field in said], [wish for wish in wishes if wish is not None]


def held(fields: Fields) -> Field | None:
    """Return the field that names the position an order belongs to, where long and short are held apart."""
    told = fields.first(_SIDES) or next(iter(fields.named(_SIDES)), None)
    numbered = (one for one in fields.named(("positionidx",)) if str(one.value).strip() in _BY_INDEX)
    if told is None and (index := next(numbered, None)) is not None:
        return replace(index, value=_BY_INDEX[str(index.value).strip()])
    return told


def of_position(wish: Wish, side_held: Field | None) -> Wish:
    """Read an order by the position it belongs to: what moves away from it closes it.

    Raises:
        WordsContradict: when something else says the opposite.
    """
    side = words.read_side(str(side_held.value)) if side_held is not None else None
    if side is None:
        is_none = side_held is not None and str(side_held.value).strip().lower() == "flat"
        return words.combine([wish, Wish(verb=Verb.CLOSE)]) if is_none else wish
    if wish.order is None or wish.verb is not None:
        return words.combine([wish, Wish(side=side)])
    verb = Verb.OPEN if wish.order.towards is side else Verb.CLOSE
    return words.combine([replace(wish, verb=verb), Wish(side=side)])


def only_closes(fields: Fields) -> Field | None:
    """Return the field that says that the order may only make a position smaller, None when none says so."""
    said = next((one for one in fields.named(_ONLY_CLOSES) if _is_yes(one.value, or_one=True)), None)
    return said or next(iter(fields.named(_REASONS)), None) or _effect(fields)


def _effect(fields: Fields) -> Field | None:
    """Return the field that says what an order does to a position, when it is to make it smaller."""
    return next((one for one in fields.named(_EFFECTS) if squeeze(str(one.value)[:20]) in _SMALLER), None)


def called_an_exit(fields: Fields, names: Sequence[str], *, labels: Sequence[str]) -> Field | None:
    """Return the order's name or comment when it says that the order closes: `Exit Long`, `Close position order`.

    `names` count as they stand, `labels` whatever they stand in.
    """
    return next((one for one in (*fields.all(names), *fields.named(labels)) if _speaks_of_exit(str(one.value))), None)


def _speaks_of_exit(written: str) -> bool:
    if _CLOSES_BY_DEFAULT.match(written.strip()):
        return True
    try:
        wish = words.read(written[:_LONGEST_NAME])
    except WordsContradict:
        return False
    return wish is not None and wish.verb is Verb.CLOSE


def closing(wish: Wish, said_by: Field) -> Wish:
    """Read an order that only closes: a sell closes a long, a buy closes a short.

    Raises:
        WordsContradict: when the words say that it opens, or that it closes the other side.
    """
    if wish.verb not in (None, Verb.CLOSE):
        raise WordsContradict("the order may only close, and the words say that it opens")
    side = wish.order.towards.opposite if wish.order is not None else wish.side
    return words.combine([replace(wish, verb=Verb.CLOSE, side=side), Wish(side=words.read_side(str(said_by.value)))])


def _is_yes(value: Leaf, *, or_one: bool) -> bool:
    if or_one and not isinstance(value, bool) and str(value).strip() in ("1", "1.0"):
        return True
    return _is(value) is True


def _is(value: Leaf) -> bool | None:
    """Return what a value says for sure; a 0 is a no, and a 1 is not for sure."""
    written = str(value).strip().lower()
    if isinstance(value, bool) or written in ("true", "false", "yes", "no"):
        return written in ("true", "yes")
    return False if isinstance(value, int | Decimal | str) and written in ("0", "0.0") else None
