"""TradingView's default message of a strategy alert, a sentence that it writes in the language of its user.

English: `NAME: order buy @ 1 filled on BTCUSDT. New strategy position is 1`. In every language `buy` or `sell`, the
sign `@` and the size stand together; the symbol stands behind them or, as in Japanese, before them; the number of the
new position comes last. So the sentence is read by its structure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENGLISH = re.compile(
    r"(?P<strategy>.{0,500}?):? ?\border (?P<action>buy|sell) @ ?(?P<contracts>[\d.,eE+-]{1,40}) filled on "
    r"(?P<ticker>\S{1,100}?)\.? New strategy position is (?P<position_size>[\d.,eE+-]{0,40}\d)\.?",
    re.IGNORECASE,
)
# Latin letters end a word here; Chinese and Japanese signs do not, since they stand beside symbols without a blank.
_LATIN = r"A-Za-z0-9\u00c0-\u024f"
_ORDER = re.compile(rf"(?<![{_LATIN}])(?P<action>buy|sell) ?@ ?(?P<contracts>\d[\d.,]{{0,40}})", re.IGNORECASE)
# In some languages, a verb follows the number; words in Latin or Cyrillic letters behind it are another sentence.
_NUMBER_AT_END = re.compile(
    rf"(?<![{_LATIN}.:!_/])(?P<size>[-+\u2212]?\d[\d.,]{{0,40}})[^\d{_LATIN}\u0400-\u04ff]{{0,20}}$"
)
_SYMBOL = re.compile(rf"(?<![{_LATIN}.!_])[A-Z0-9][A-Z0-9.:!_/&-]{{0,30}}(?![{_LATIN}])")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LONGEST = 1_000
# A position after the order in a sentence that leaves out the order: `New strategy position is 0`.
_POSITION_WORDS = (
    "pos[ií][cçtz]|posis|poz[ií]|pozy|пози|пазіц|θέση|vị thế|kedudukan|ตำแหน่ง|สถานะ|พอซิชัน"
    "|स्थिति|पोज|פוזיצי|עמדה|مركز|موقع|ポジション|建玉|포지션|仓|倉|部位|持股"
)
_NAMES_POSITION = re.compile(_POSITION_WORDS, re.IGNORECASE)
_POSITION_ALONE = re.compile(
    rf"(?:{_POSITION_WORDS})[^\d\n]{{0,60}}?(?P<size>[-\u2212]?\d[\d.,]{{0,20}})\D{{0,12}}$", re.IGNORECASE
)


def parse(text: str) -> Mapping[str, str] | None:
    """Return strategy, action, contracts, ticker and position_size of a default sentence; None for any other text."""
    values = parse_structure(text)
    if values is None or _NAMES_POSITION.search(text[text.index("@") :]) is None:
        return None
    return values


def parse_structure(text: str) -> Mapping[str, str] | None:
    """Return the same of a sentence in any language, also in one whose word for a position is not known.

    A text that is no such sentence may have its structure too, so the number may be something else than a position.
    """
    if len(text) > _LONGEST or "@" not in text:
        return None
    plain = " ".join(_INVISIBLE.sub("", text).split())
    match = _ENGLISH.fullmatch(plain)
    values = _parse_any_language(plain) if match is None else match.groupdict()
    if values is None:
        return None
    # The strategy's name is followed by its inputs in brackets.
    name = values["strategy"].partition("(")[0].rstrip(":： ").strip()
    return {part: value.strip() for part, value in values.items()} | {"strategy": name}


def parse_position(text: str) -> str | None:
    """Return the number of the position that a text ends with, such as `New strategy position is 0`."""
    match = _POSITION_ALONE.search(_INVISIBLE.sub("", text[-200:]).strip())
    return _clean_number(match["size"]) if match is not None else None


def _parse_any_language(text: str) -> dict[str, str] | None:
    """Return the values of a sentence by its structure; None where a part is missing or there are several."""
    orders = list(_ORDER.finditer(text))
    if len(orders) != 1:
        return None
    [order] = orders
    head, tail = text[: order.start()], text[order.end() :]
    position = _NUMBER_AT_END.search(tail)
    if position is None or not _has_words(tail[: position.start()]):
        return None
    strategy, sentence_head = _split_name(head)
    tickers = _find_symbols(tail[: position.start()]) or _find_symbols(sentence_head)
    if len(tickers) != 1:
        return None
    return {
        "strategy": strategy,
        "action": order["action"].lower(),
        "contracts": _clean_number(order["contracts"]),
        "ticker": tickers[0],
        "position_size": _clean_number(position["size"]),
    }


def _split_name(head: str) -> tuple[str, str]:
    """Split the text before the order into the strategy's name, which ends with a colon, and the rest."""
    name, colon, rest = head.replace("：", ": ").rpartition(": ")
    if not colon and head.rstrip().endswith(":"):
        return head, ""
    return (name, rest) if colon else ("", head)


def _find_symbols(text: str) -> list[str]:
    """Return the words that may be a symbol; single letters only when there is no other."""
    words = [word for match in _SYMBOL.finditer(text) if (word := match.group().rstrip(".:-&/_"))]
    longer = [word for word in words if len(word) > 1]
    return longer or words


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _clean_number(text: str) -> str:
    return text.rstrip(".,").replace("\u2212", "-")
