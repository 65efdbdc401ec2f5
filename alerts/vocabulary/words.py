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
_REVERSING = frozenset({"reverse", "reversal", "flip", "stopandreverse", "closeandreverse", "exitandreverse"})
_FILLERS = frozenset(
    {"to", "position", "positions", "all", "signal", "strong", "order", "market", "trade", "now", "type", "and"}
)
WORDS = _LONG | _SHORT | _OPENING | _CLOSING | _REVERSING | _FILLERS | {"buy", "sell", "cover"}
_TOKEN = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))
# Abbreviations count only as the whole text, never as a part of a longer phrase.
_ABBREVIATIONS = {"b": "buy", "s": "sell", "bto": "buytoopen", "sto": "selltoopen", "stc": "selltoclose"}
_SEPARATORS = re.compile(r"[\s_\-./:!,&+>]+")
_REVERSE_TO = re.compile(r"(?:reverse|reversal|flip|switch|turn)(?:position)?to(long|short|buy|sell)")
# Commands that close one side and say which one comes next: closelongsell, close_short_open_long, exit long go short.
_CLOSE_AND_OPEN = re.compile(
    r"(?P<verb>close|closing|closed|exit|flatten|flat|cover)?(?:all)?(?P<closed>long|short)s?(?:positions?|trades?)?"
    r"(?P<link>and|then|to|into)?(?P<opener>go|goto|enter|entry|open|opening|add|reverse|reverseto|flipto|flip|switchto)?"
    r"(?P<opened>long|short|buy|sell|reverse|reversal|flip)(?:positions?|trades?|entry|open|order)?"
)


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
    def is_bare(self) -> bool:
        """Return whether the words are `buy` or `sell` alone, which may open a position or close one."""
        return self.command is not None and self.effect is None and self.side is None

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
    if (match := _REVERSE_TO.fullmatch(compact)) is not None:
        return ParsedWords(effect=PositionEffect.REVERSE, command=_command_towards(match[1]))
    if (match := _CLOSE_AND_OPEN.fullmatch(compact)) is not None:
        reversal = _parse_close_and_open(match)
        if reversal is not None:
            return reversal
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


def _parse_close_and_open(match: re.Match[str]) -> ParsedWords | None:
    """Return the order of a command that closes one side and opens one; None when it may mean something else.

    Without a word for closing, one for opening must stand between the sides: `long to short` changes side, `long buy`
    is a long entry. Behind `exit`, a plain `buy` or `sell` may be the order that closes.

    Raises:
        WordsContradict: when the command may only close or close and open.
    """
    closed, opened = Direction(match["closed"]), match["opened"]
    is_linked = bool(match["link"] or match["opener"])
    if not match["verb"] and (not is_linked or match["opener"] in _OPENING or opened in _REVERSING):
        return None
    if match["verb"] and not is_linked and opened in ("long", "short"):
        raise WordsContradict("the words may mean to close both sides, or to close one and open the other")
    command = _command_towards(closed.opposite if opened in _REVERSING else opened)
    if match["verb"] in ("close", "closing", None) or is_linked or opened in _REVERSING:
        if command.towards is not closed:
            return ParsedWords(effect=PositionEffect.REVERSE, command=command)
        return ParsedWords(effect=PositionEffect.OPEN, side=closed, command=command)
    if opened in ("buy", "sell"):
        raise WordsContradict("the words may mean to close, or to close and reverse: say closelongsell or closelong")
    return None


def _command_towards(side: Direction | str) -> Command:
    """Return the command that moves a position towards a side: a direction, or one of long, short, buy and sell."""
    name = side.value if isinstance(side, Direction) else side
    return Command.BUY if name in ("long", "buy") else Command.SELL


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
