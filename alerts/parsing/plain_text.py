"""Parsers for alerts that are no JSON: named values, fixed column orders, and TradingView's default sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

from alerts.parsing import strategy_sentence
from alerts.parsing.fields import squeeze
from alerts.vocabulary import words
from alerts.vocabulary.aliases import WORDS

TextValues = Mapping[str, str]

_LONGEST = 8_000
_MOST_PIECES = 200
_NAME = re.compile(r"([A-Za-z_][\w.\- ]{0,63}?) *([=:])")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_SYMBOL_WITH_PRICE = re.compile(r"(?<!\S)(\S{1,64}) (?:@|at) ?(\d{1,40}(?:\.\d{1,40})?)(?= |$)", re.IGNORECASE)
_MOST_WORDS = 5
_SYMBOL = re.compile(r"(?:[A-Z][A-Z0-9_]*:)?[A-Z0-9][A-Z0-9.\-_/!:]{1,31}")
_LICENCE = re.compile(r"\d{4,}")
_FILLERS = frozenset({"at", "on", "for", "now", "alert", "signal", "order", "position", "market", "-", "–"})
# Decorations without a meaning; other signs (a cross, a no-entry sign) may reverse a message, and stay in it.
_ORNAMENTS = re.compile(
    "[\U0001f7e2\U0001f534\U0001f680\U0001f4c8\U0001f4c9\U0001f514\U0001f525\u2705\u25b2\u25bc\ufe0f*]"
)
_PUNCTUATION = ":!,;."
# Names that may stand with their value (`sl=30`) in a message of one command and one symbol.
_TERM_NAMES = frozenset(
    {"sl", "tp", "q", "qty", "risk", "size", "stop", "target", "lot", "lots", "lev", "leverage", "amount"}
)
_THREE_WORD_COMMAND = re.compile(
    r"\b(?:buy|sell) to (?:open|close|cover)\b|\bclose ?(?:long|short) (?:buy|sell)\b", re.IGNORECASE
)
# Names that may follow a command and a symbol, one in each line: price levels, sizes, and the chart.
_DETAIL_NAMES = re.compile(
    r"entry( price)?|price|(sl|tp|stop|target|take ?profit)s?( ?\d{1,2})?|stop ?loss|take ?profit ?targets|leverage|lev"
    r"|risk|qty|size|time ?frame|tf|interval|exchange|time|strategy",
    re.IGNORECASE,
)
_SIGNAL_CODE = re.compile(
    r"((?:ENTER|EXIT)-(?:LONG|SHORT|ALL))_([A-Z]+)_(?:(?:FUTURES?|SPOT|PERP|SWAP|MARGIN|USDM|COINM)_)?([A-Z0-9.\-]{4,30})"
    r"_(.{1,100})_[0-9A-Za-z]{1,4}_[0-9a-f]{6,64}"
)
_TIMEFRAME = re.compile(r"\d{1,3}(?:s|m|min|h|H|d|D|w|W)")


class TextUnclear(ValueError):
    """A text has one of the known forms but names a value twice; the message describes a valid one."""


def parse(message: str) -> TextValues | None:
    """Return a text's values by name; None when it has none of the known forms.

    The forms: `NAME=VALUE` or `NAME: VALUE` separated by lines, `;`, `&`, commas or blanks; `licence,command,symbol,
    risk=1`; `key|strategy|action|ticker`; the default sentence of a strategy alert; one command and one symbol, with
    at most a price behind the symbol and `@` or `at` (behind a command, `@` is followed by a size); a code of
    WunderTrading.

    Raises:
        TextUnclear: when a name comes twice, or a line that is not understood stands before the command.
    """
    text = message.strip()
    if not text or len(text) > _LONGEST:
        return None
    # From the strictest form to the loosest: a text of a strict form often has a looser one too.
    values = (
        strategy_sentence.parse(text)
        or _parse_named_values(text)
        or _parse_licence_row(text)
        or _parse_piped_row(text)
        or _parse_head_with_details(text)
        or _parse_command_and_symbol(text)
        or _parse_signal_code(text)
    )
    if values is None:
        _refuse_unknown_first_line(text)
    return values


def _parse_named_values(text: str) -> TextValues | None:
    """Parse a text that consists of named values only, under the first separator that splits it so."""
    for separator in ("\n", ";", "&", "|", ",", " "):
        pieces = [piece for piece in text.replace("\r", "\n").split(separator) if piece.strip()]
        if separator == "\n":
            pieces = [piece.rstrip(" ;,") for piece in pieces]
        if 1 < len(pieces) <= _MOST_PIECES:
            pairs = [_parse_pair(piece) for piece in pieces]
            if all(pairs):
                complete = [pair for pair in pairs if pair is not None]
                is_url_encoded = separator == "&"
                return _require_unique_names(
                    [(name, unquote_plus(value) if is_url_encoded else value) for name, value in complete]
                )
    return None


def _parse_pair(piece: str) -> tuple[str, str] | None:
    """Parse `NAME=VALUE` or `NAME: VALUE`; without a blank behind it, a colon counts only after a known name.

    Otherwise `BINANCE:BTCUSDT` would be a name with a value.
    """
    match = _NAME.match(piece.strip())
    if match is None:
        return None
    (name, sign), value = match.groups(), piece.strip()[match.end() :]
    if sign == ":" and not value[:1].isspace() and squeeze(name) not in WORDS:
        return None
    return name, _strip_quotes(value.strip())


def _strip_quotes(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _require_unique_names(pairs: Sequence[tuple[str, str]]) -> TextValues:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise TextUnclear("must not have the same name twice")
    return values


def _parse_licence_row(text: str) -> TextValues | None:
    """Parse PineConnector's row: a numeric licence, a command and a symbol in either order, then named values."""
    columns = [column.strip() for column in text.split(",")]
    if len(columns) < 3 or _LICENCE.fullmatch(columns[0]) is None:
        return None
    command, symbol = columns[1:3]
    if _is_command(symbol) and not _is_command(command):
        # Some bridges have the symbol first.
        command, symbol = symbol, command
    if not command.replace("_", "").isalpha():
        return None
    pairs = [_parse_pair(column) for column in columns[3:] if column]
    if not all(pairs):
        return None
    leading = [("licenceid", columns[0]), ("command", command), ("symbol", symbol)]
    return _require_unique_names(leading + [pair for pair in pairs if pair is not None])


def _parse_piped_row(text: str) -> TextValues | None:
    """Parse `key|strategy|action|ticker`, or the same with ticker and action exchanged."""
    columns = [column.strip() for column in text.split("|")]
    if len(columns) != 4 or _is_command(columns[2]) == _is_command(columns[3]):
        return None
    key, strategy, *order = columns
    action, ticker = order if _is_command(order[0]) else reversed(order)
    if _NUMBER.fullmatch(ticker):
        return None
    return {"key": key, "strategy": strategy, "action": action, "ticker": ticker}


def _parse_head_with_details(text: str) -> TextValues | None:
    """Parse a command and a symbol in the first lines, followed by lines that each hold one named value."""
    lines = [line for line in map(_remove_ornaments, text.splitlines()) if line]
    pairs = [_parse_pair(line) for line in lines]
    head_length = next((index for index, pair in enumerate(pairs) if pair is not None), 0)
    details = [pair for pair in pairs[head_length:] if pair is not None and _DETAIL_NAMES.fullmatch(pair[0].strip())]
    if not head_length or len(details) != len(pairs) - head_length:
        return None
    head = _parse_command_and_symbol(" ".join(lines[:head_length]))
    return _require_unique_names([*head.items(), *details]) if head is not None else None


def _parse_command_and_symbol(text: str) -> TextValues | None:
    """Parse one command and one symbol out of a few words; any other word makes the text unclear."""
    plain = _remove_ornaments(text)
    price = _SYMBOL_WITH_PRICE.search(plain)
    pieces = [
        piece for piece in (piece.rstrip(_PUNCTUATION).lstrip("#") for piece in re.split(r"[\s,|;@]+", plain)) if piece
    ]
    terms = [pair for piece in pieces if (pair := _parse_pair(piece)) is not None and pair[0].lower() in _TERM_NAMES]
    words_left = [piece for piece in pieces if piece.lower() not in _FILLERS and "=" not in piece]
    phrase = _THREE_WORD_COMMAND.search(plain)
    commands = phrase.group().split() if phrase else [word for word in words_left if _is_command(word)]
    timeframes = [word for word in words_left if _TIMEFRAME.fullmatch(word)]
    others = [word for word in words_left if word not in commands + timeframes and not _NUMBER.fullmatch(word)]
    if (
        not 1 <= len(commands) <= (3 if phrase else 2)
        or len(others) != 1
        or len(words_left) > _MOST_WORDS
        or not _SYMBOL.fullmatch(others[0])
    ):
        return None
    if len(timeframes) > 1 or len(terms) != sum("=" in piece for piece in pieces):
        return None
    values = {"action": " ".join(commands), "symbol": others[0]} | dict(terms)
    if timeframes:
        values["timeframe"] = timeframes[0]
    return values | {"price": price.group(2)} if price and price.group(1).lstrip("#") == others[0] else values


def _parse_signal_code(text: str) -> TextValues | None:
    """Parse a code of WunderTrading: ENTER-LONG_BINANCE_BTCUSDT_NAME_4H_CODE; EXIT-ALL leaves the side open."""
    match = _SIGNAL_CODE.fullmatch(text)
    if match is None:
        return None
    action, exchange, symbol, strategy = match.groups()
    return {"action": action.removesuffix("-ALL"), "exchange": exchange, "symbol": symbol, "strategy": strategy}


def _refuse_unknown_first_line(text: str) -> None:
    """Raise TextUnclear when only the first line, of one word such as a password, keeps a text from being read."""
    first, _, rest = text.partition("\n")
    if rest.strip() and len(first.split()) == 1 and parse(rest) is not None:
        raise TextUnclear(
            "has a line before the command that is not understood: leave a password out, the token in the URL is enough"
        )


def _remove_ornaments(text: str) -> str:
    """Return a text without decorations such as emojis, its words separated by single blanks."""
    return " ".join(_ORNAMENTS.sub(" ", text).split())


def _is_command(piece: str) -> bool:
    """Return whether a text is an instruction, be it one that contradicts itself."""
    try:
        return words.parse(piece) is not None
    except words.WordsContradict:
        return True
