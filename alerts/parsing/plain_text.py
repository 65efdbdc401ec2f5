"""Messages that are no JSON: names with values, positions in a row, and the sentence a strategy says by default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

from alerts.parsing.fields import squeeze
from alerts.vocabulary import words
from alerts.vocabulary.aliases import WORDS

Found = Mapping[str, str]

_LONGEST = 8_000
_MOST_PIECES = 200
_NAME = re.compile(r"([A-Za-z_][\w.\- ]{0,63}?) *([=:])")
_SENTENCE = re.compile(
    r"(?P<strategy>.{0,500}?):? ?\border (?P<action>buy|sell) @ ?(?P<contracts>[\d.,eE+-]{1,40}) filled on "
    r"(?P<ticker>\S{1,100}?)\.? New strategy position is (?P<position_size>[\d.,eE+-]{0,40}\d)\.?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_PRICE_BEHIND = re.compile(r"(?<!\S)(\S{1,64}) (?:@|at) ?(\d{1,40}(?:\.\d{1,40})?)(?= |$)", re.IGNORECASE)
_FEW = 5
_SYMBOL = re.compile(r"(?:[A-Z][A-Z0-9_]*:)?[A-Z0-9][A-Z0-9.\-_/!:]{1,31}")
_LICENCE = re.compile(r"\d{4,}")
_FILLERS = frozenset({"at", "on", "for", "now", "alert", "signal", "order", "position", "market", "-", "–"})
# Signs that say nothing; others (a cross, a no-entry sign) may turn a message into its opposite.
_ORNAMENTS = re.compile(
    "[\U0001f7e2\U0001f534\U0001f680\U0001f4c8\U0001f4c9\U0001f514\U0001f525\u2705\u25b2\u25bc\ufe0f*]"
)
_BEHIND = ":!,;."
_TERMS = frozenset(
    {"sl", "tp", "q", "qty", "risk", "size", "stop", "target", "lot", "lots", "lev", "leverage", "amount"}
)
# A command of three words.
_PHRASE = re.compile(r"\b(?:buy|sell) to (?:open|close|cover)\b", re.IGNORECASE)
# What may be named behind a command and a symbol: levels, sizes, and where it was seen.
_LEVELS = re.compile(
    r"entry( price)?|price|(sl|tp|stop|target|take ?profit)s?( ?\d{1,2})?|stop ?loss|take ?profit ?targets|leverage|lev"
    r"|risk|qty|size|time ?frame|tf|interval|exchange|time|strategy",
    re.IGNORECASE,
)
_FRAME = re.compile(r"\d{1,3}(?:s|m|min|h|H|d|D|w|W)")


class TextUnclear(ValueError):
    """A text has one of the forms, but says something twice; the message says what would be right."""


def read(written: str) -> Found | None:
    """Return a text's values by name; None when it has none of the forms.

    The forms: `NAME=VALUE` or `NAME: VALUE` separated by lines, `;`, `&`, commas or blanks; `licence,command,symbol,
    risk=1`; `key|strategy|action|ticker`; the default sentence of a strategy alert; one command and one symbol, with
    at most a price behind the symbol and `@` or `at` (behind a command, `@` is followed by a size).

    Raises:
        TextUnclear: when a name comes twice.
    """
    text = written.strip()
    if not text or len(text) > _LONGEST:
        return None
    return _sentence(text) or _pairs(text) or _licensed(text) or _piped(text) or _headed(text) or _positions(text)


def _sentence(text: str) -> Found | None:
    found = _SENTENCE.fullmatch(" ".join(text.split()))
    if found is None:
        return None
    said = {name: value.strip() for name, value in found.groupdict().items()}
    said["strategy"] = said["strategy"].partition("(")[0].rstrip(": ").strip()
    return said


def _pairs(text: str) -> Found | None:
    for separator in ("\n", ";", "&", "|", ",", " "):
        pieces = [one for one in text.replace("\r", "\n").split(separator) if one.strip()]
        if 1 < len(pieces) <= _MOST_PIECES:
            named = [_pair(one) for one in pieces]
            if all(named):
                known = [one for one in named if one is not None]
                is_form = separator == "&"
                return _without_twins([(name, unquote_plus(value) if is_form else value) for name, value in known])
    return None


def _pair(piece: str) -> tuple[str, str] | None:
    """Read `NAME=VALUE` or `NAME: VALUE`; without a blank, a colon counts only behind a name we know."""
    found = _NAME.match(piece.strip())
    if found is None:
        return None
    (name, sign), value = found.groups(), piece.strip()[found.end() :]
    if sign == ":" and not value[:1].isspace() and squeeze(name) not in WORDS:
        return None
    return name, _unquoted(value.strip())


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _without_twins(named: Sequence[tuple[str, str]]) -> Found:
    found = dict(named)
    if len(found) != len(named):
        raise TextUnclear("must not have the same name twice")
    return found


def _licensed(text: str) -> Found | None:
    pieces = [one.strip() for one in text.split(",")]
    if len(pieces) < 3 or _LICENCE.fullmatch(pieces[0]) is None or not pieces[1].replace("_", "").isalpha():
        return None
    rest = [_pair(one) for one in pieces[3:] if one]
    if not all(rest):
        return None
    named = [("licenceid", pieces[0]), ("command", pieces[1]), ("symbol", pieces[2])]
    return _without_twins(named + [one for one in rest if one is not None])


def _piped(text: str) -> Found | None:
    pieces = [one.strip() for one in text.split("|")]
    if len(pieces) != 4 or _command(pieces[2]) == _command(pieces[3]):
        return None
    key, strategy, *asked = pieces
    action, ticker = asked if _command(asked[0]) else reversed(asked)
    if _NUMBER.fullmatch(ticker):
        return None
    return {"key": key, "strategy": strategy, "action": action, "ticker": ticker}


def _headed(text: str) -> Found | None:
    """Read a command and a symbol in the first lines, and a name with its value in each line behind them."""
    lines = [one for one in (" ".join(_ORNAMENTS.sub(" ", line).split()) for line in text.splitlines()) if one]
    named = [_pair(one) for one in lines]
    first = next((at for at, one in enumerate(named) if one is not None), 0)
    behind = [one for one in named[first:] if one is not None and _LEVELS.fullmatch(one[0].strip())]
    if not first or len(behind) != len(named) - first or (head := _positions(" ".join(lines[:first]))) is None:
        return None
    return _without_twins([*head.items(), *behind])


def _positions(text: str) -> Found | None:
    """Read one command and one symbol out of few pieces; a piece that is neither makes it unclear."""
    plain = " ".join(_ORNAMENTS.sub(" ", text).split())
    price = _PRICE_BEHIND.search(plain)
    pieces = [one for one in (piece.rstrip(_BEHIND).lstrip("#") for piece in re.split(r"[\s,|;@]+", plain)) if one]
    terms = [term for one in pieces if (term := _pair(one)) is not None and term[0].lower() in _TERMS]
    said = [one for one in pieces if one.lower() not in _FILLERS and "=" not in one]
    phrase = _PHRASE.search(plain)
    commands = phrase.group().split() if phrase else [one for one in said if _command(one)]
    frames = [one for one in said if _FRAME.fullmatch(one)]
    others = [one for one in said if one not in commands + frames and not _NUMBER.fullmatch(one)]
    if (
        not 1 <= len(commands) <= (3 if phrase else 2)
        or len(others) != 1
        or len(said) > _FEW
        or not _SYMBOL.fullmatch(others[0])
    ):
        return None
    if len(frames) > 1 or len(terms) != sum("=" in one for one in pieces):
        return None
    found = {"action": " ".join(commands), "symbol": others[0]} | dict(terms)
    if frames:
        found["timeframe"] = frames[0]
    return found | {"price": price.group(2)} if price and price.group(1).lstrip("#") == others[0] else found


def _command(piece: str) -> bool:
    try:
        return words.read(piece) is not None
    except words.WordsContradict:
        return True
