"""Trading instructions in words (`buy`, `enter_long`, `closeShort`, `sell to open`, `BULLISH`) and their meaning."""

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
_FILLERS = frozenset(
    {"to", "position", "positions", "all", "signal", "strong", "order", "market", "trade", "now", "type"}
)
WORDS = _LONG | _SHORT | _OPENING | _CLOSING | _REVERSING | _FILLERS | {"buy", "sell", "cover"}
_TOKEN = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))
# Abbreviations count only as the whole text, never as a part of a longer phrase.
_ABBREVIATIONS = {"b": "buy", "s": "sell", "bto": "buytoopen", "sto": "selltoopen", "stc": "selltoclose"}
_SEPARATORS = re.compile(r"[\s_\-./:!]+")


T = TypeVar("T")


class WordsContradict(ValueError):
    """Two words of an instruction contradict each other."""


class PositionEffect(Enum):
    """Effect of an order on a position: open one, close one, or close one side and open the other."""

    OPEN = "open"
    CLOSE = "close"
    REVERSE = "reverse"


class Command(Enum):
    """Side of the market order; on its own it does not tell an opening order from a closing one."""

    BUY = "buy"
    SELL = "sell"

    @property
    def towards(self) -> Direction:
        """The direction in which this order moves a position."""
        return Direction.LONG if self is Command.BUY else Direction.SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedWords:
    """Meaning of an alert's instruction words: effect, position side and order side; None where they leave it open."""

    effect: PositionEffect | None = None
    side: Direction | None = None
    command: Command | None = None

    @property
    def towards(self) -> Direction | None:
        """The direction in which the order moves the position; None when the words do not tell it."""
        if self.command is not None:
            return self.command.towards
        return self.side if self.effect is not PositionEffect.CLOSE else None


@lru_cache(maxsize=1024)
def parse(text: str) -> ParsedWords | None:
    """Parse one instruction such as `enter_long`; return None when the text has any word that is not known.

    Raises:
        WordsContradict: when the instruction contradicts itself.
    """
    compact = _SEPARATORS.sub("", text.lower())
    compact = _ABBREVIATIONS.get(compact, compact)
    tokens = _TOKEN.findall(compact)
    return _parse_tokens(tokens) if compact and "".join(tokens) == compact else None


def parse_side(text: str) -> Direction | None:
    """Return the only side that a text such as `BULLISH_EXPANSION` names; None when it names none or both."""
    tokens = frozenset(re.split(r"[\W_]+", text.lower()))
    sides = [side for side, words in ((Direction.LONG, _LONG), (Direction.SHORT, _SHORT)) if tokens & words]
    return sides[0] if len(sides) == 1 else None


def combine(instructions: Sequence[ParsedWords]) -> ParsedWords:
    """Merge the instructions of several fields into one.

    Raises:
        WordsContradict: when two of them differ in effect, side or command.
    """
    return ParsedWords(
        effect=_require_one_value({instruction.effect for instruction in instructions}),
        side=_require_one_value({instruction.side for instruction in instructions}),
        command=_require_one_value({instruction.command for instruction in instructions}),
    )


def _parse_tokens(tokens: Sequence[str]) -> ParsedWords | None:
    """Return the meaning of known words; None when all of them are fillers."""
    present = frozenset(tokens)
    command = _require_one_value({Command(token) for token in present & {"buy", "sell"}})
    is_closing = bool(present & _CLOSING) or "cover" in present
    reversal = PositionEffect.REVERSE if present & _REVERSING else None
    effect = _require_one_value(
        {
            PositionEffect.CLOSE if is_closing else None,
            PositionEffect.OPEN if present & _OPENING else None,
            reversal,
        }
    )
    side = _require_one_value(
        {Direction.LONG if present & _LONG else None, Direction.SHORT if present & _SHORT else None}
    )
    if "cover" in present:
        # Only a short is covered.
        side = _require_one_value({side, Direction.SHORT})
    elif side is None and command is not None and is_closing and "to" in present:
        # `sell to close` closes a long, `buy to close` a short.
        side = command.towards.opposite
    instruction = ParsedWords(effect=effect, side=side, command=command)
    return None if instruction == ParsedWords() else instruction


def _require_one_value(values: Iterable[T | None]) -> T | None:
    """Return the only value that is not None, or None; raise WordsContradict when there are several."""
    distinct = {value for value in values if value is not None}
    if len(distinct) > 1:
        raise WordsContradict("the words that say what to do contradict each other")
    return next(iter(distinct), None)
