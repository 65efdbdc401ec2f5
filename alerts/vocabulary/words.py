"""Words that say what to do: `buy`, `enter_long`, `closeShort`, `sell to open`, `BULLISH`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TypeVar

from domain.signal import Direction

_LONG = frozenset({"long", "bull", "bullish", "up"})
_SHORT = frozenset({"short", "bear", "bearish", "down"})
_OPENING = frozenset({"enter", "entry", "open", "opening", "go", "add"})
_CLOSING = frozenset(
    {"exit", "close", "closing", "flat", "flatten", "stoploss", "takeprofit", "slhit", "tphit", "stoppedout"}
)
_REVERSING = frozenset({"reverse", "reversal", "flip"})
_SILENT = frozenset(
    {"to", "position", "positions", "all", "signal", "strong", "order", "market", "trade", "now", "type"}
)
WORDS = _LONG | _SHORT | _OPENING | _CLOSING | _REVERSING | _SILENT | {"buy", "sell", "cover"}
_TOKEN = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))
# As they stand, and nowhere within other words.
_SHORTHANDS = {"b": "buy", "s": "sell", "bto": "buytoopen", "sto": "selltoopen", "stc": "selltoclose"}
_BETWEEN = re.compile(r"[\s_\-./:!]+")


T = TypeVar("T")


class WordsContradict(ValueError):
    """Two words ask for things that cannot both be meant."""


class Verb(Enum):
    """Whether a word opens, closes, or closes one side to open the other."""

    OPEN = "open"
    CLOSE = "close"
    REVERSE = "reverse"


class Order(Enum):
    """What is sent to the market, which alone does not tell opening from closing."""

    BUY = "buy"
    SELL = "sell"

    @property
    def towards(self) -> Direction:
        """The side a position moves to."""
        return Direction.LONG if self is Order.BUY else Direction.SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the words of an alert say; what they leave open is None."""

    verb: Verb | None = None
    side: Direction | None = None
    order: Order | None = None

    @property
    def towards(self) -> Direction | None:
        """Where the order moves the position, as far as it is known."""
        if self.order is not None:
            return self.order.towards
        return self.side if self.verb is not Verb.CLOSE else None


@lru_cache(maxsize=1024)
def read(written: str) -> Wish | None:
    """Read one word or phrase; None when it is no such word or says nothing.

    Raises:
        WordsContradict: when the phrase contradicts itself.
    """
    compact = _BETWEEN.sub("", written.lower())
    compact = _SHORTHANDS.get(compact, compact)
    tokens = _TOKEN.findall(compact)
    return _wish(tokens) if compact and "".join(tokens) == compact else None


def read_side(written: str) -> Direction | None:
    """Read a remark such as `BULLISH_EXPANSION` as the one side it names; None when it names none or both."""
    tokens = frozenset(re.split(r"[\W_]+", written.lower()))
    named = [side for side, words in ((Direction.LONG, _LONG), (Direction.SHORT, _SHORT)) if tokens & words]
    return named[0] if len(named) == 1 else None


def combine(wishes: Sequence[Wish]) -> Wish:
    """Unite what several fields say.

    Raises:
        WordsContradict: when they do not fit together.
    """
    return Wish(
        verb=_agreed({wish.verb for wish in wishes}),
        side=_agreed({wish.side for wish in wishes}),
        order=_agreed({wish.order for wish in wishes}),
    )


def _wish(tokens: Sequence[str]) -> Wish | None:
    said = frozenset(tokens)
    order = _agreed({Order(token) for token in said & {"buy", "sell"}})
    closing = bool(said & _CLOSING) or "cover" in said
    reversing = Verb.REVERSE if said & _REVERSING else None
    verb = _agreed({Verb.CLOSE if closing else None, Verb.OPEN if said & _OPENING else None, reversing})
    side = _agreed({Direction.LONG if said & _LONG else None, Direction.SHORT if said & _SHORT else None})
    if "cover" in said:
        side = _agreed({side, Direction.SHORT})
    elif side is None and order is not None and closing and "to" in said:
        side = order.towards.opposite
    wish = Wish(verb=verb, side=side, order=order)
    return None if wish == Wish() else wish


def _agreed(said: Iterable[T | None]) -> T | None:
    known = {one for one in said if one is not None}
    if len(known) > 1:
        raise WordsContradict("the words that say what to do contradict each other")
    return next(iter(known), None)
