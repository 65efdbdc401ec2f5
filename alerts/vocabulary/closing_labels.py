"""Words by which an order's name or comment says that the order closes a position, in the languages of senders.

The patterns are searched in lower-case text whose words are separated by single blanks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from alerts.vocabulary.words import WordsContradict, parse
from domain.signal import Direction

# `close` is often the bar's closing price: `bar close`, `close above the average`.
_NOT_AFTER_BAR = r"(?<!\bbar )(?<!\bcandle )(?<!\bon )(?<!\bat )(?<!\bper )(?<!\bprice )(?<!\bby )"
_NOT_BEFORE_PRICE = (
    r"(?! ?[<>=\d]| (?:above|below|over|under|beyond|cross\w*|break\w*|price|near|at|to|within|inside|outside|is|of"
    r"|greater|less|higher|lower|ema|sma|vwap|confirmed)\b)"
)
# `TP 45000` and `SL=1.5%` state a level; `TP1` is the first of several targets.
_NOT_BEFORE_LEVEL = (
    r"(?! ?(?:[=@]|at|is|to|below|above|near|around|under|over)? ?\d{2,}| ?[=@] ?\d| \d+[.,%]"
    r"| \d+ ?(?:r|atr|pips?|ticks?|points?|pct|percent|usd|bars?)\b)"
)


def _compile_any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


_CLOSES = _compile_any(
    rf"{_NOT_AFTER_BAR}\bclos(?:e|es|ing|ure)\b{_NOT_BEFORE_PRICE}",
    r"(?<!bar )(?<!candle )\bclosed\b(?! (?:above|below|over|under)\b)",
    r"\bexit(?:s|ed|ing)?\b(?! (?:at |near |= ?|@ ?)?\d{3,})",
    r"\bflat(?:ten(?:ed|s)?)?\b(?! (?:base|top|bottom|market|range))",
    r"\bsquared? ?off\b|\bcover(?:ed|ing|s)?\b|\bunw(?:ind|ound)\b|\beo ?[dsw]\b",
    r"\b(?:[ls]|long|short) ?x ?\d?\b|\bx ?(?:[ls]|long|short)\b",
    r"\bend of (?:the )?(?:day|session|week|trade)\b|\b(?:session|day|trade|trading) end(?:s|ed)?\b",
    # German, Dutch, Spanish, Portuguese, French, Italian
    r"\bschlie(?:ß|ss)\w*|\bgeschlossen\b|\bglattstell\w*|\bausstieg\b|\bsluit\w*|\bgesloten\b",
    r"\bcerrar\b|\bcierr\w*|\bcerrad\w*|\bsalida\b|\bfech(?:ar|a|ado|ada|amento)\b|\bsa[ií]da\b",
    r"\bferm(?:er|eture|é|ée)\b|\bcl[oô]tur\w*|\bsortie\b|\bchiu(?:di|dere|sura|so|sa)\b|\buscita\b",
    r"\btagesende\b|\bhandelsende\b|\bfin (?:de|del) (?:la )?(?:d[ií]a|journée|séance|sesión)\b|\bfim do dia\b",
    r"\bfine (?:giornata|seduta)\b|\bkoniec dnia\b|\bgün sonu\b|конец (?:дня|сессии)|時間切れ|引け成",
    # Polish, Turkish, Vietnamese, Indonesian, Russian, Ukrainian, Arabic, Chinese, Japanese, Korean
    r"\bzamkn\w*|\bzamykan\w*|\bwyj[sś]cie\b|\bkapa(?:t|n)\w*|\bçıkış\b|\bđóng\b|\btutup\b",
    r"закры\w*|закрит\w*|выход\w*|إغلاق|اغلاق|خروج",
    r"平仓|平倉|平多|平空|出场|出場|离场|離場|決済|手仕舞|エグジット|クローズ|청산|종료",
)
# A stop, a target or a time limit: most often of a position that ends, but not for sure.
_MAY_CLOSE = _compile_any(
    r"(?<!buy )(?<!sell )(?<!entry )\bstop(?:s|ped)?\b"
    rf"(?! (?:hunt|run|entry|order|buy|sell|limit|loss|above|below|at|and rev)){_NOT_BEFORE_LEVEL}",
    rf"\b(?:t ?sl|sl|tp|t p|s l)(?: ?\d\b)?+{_NOT_BEFORE_LEVEL}",
    rf"\b(?:take ?profit|profit target|target|stop ?loss)s?\b(?: \d\b)?+{_NOT_BEFORE_LEVEL}",
    rf"\btrail(?:ing|ed)?\b(?! ?(?:up|down|trend)){_NOT_BEFORE_LEVEL}",
    r"\bbreak ?even\b|\bb e\b|^be$|\broll ?over\b|\binvalidat\w*",
    r"^(?:time|win|expiry|expired)$|^(?:net )?(?:profit|loss|pnl|p l)\b|\bpt ?\d?\b|^t ?\d$",
    r"\btime ?(?:stop|out|limit|exit|d out)\b|\bweekend\b|\bkill ?switch\b|\bemergency\b|\bpanic\b",
    r"\bmax (?:\w+ )?(?:bars?|days?|loss|drawdown|dd|intraday|hold\w*|number|position)\b",
    r"\b(?:secure|lock|book|bank)(?:ed|ing)? profits?\b|\bverlust\w*|\b\w*stopp\b|\bpérdida\w*|\bganancia\w*",
    # A label of nothing but one level: where both are named, they are those of an entry.
    r"^(?:t ?sl|sl|tp|stop(?: ?loss)?|target|take ?profit) ?\d? ?(?:[=@]|at)? ?[\d ,]+%?$",
    r"стоп\w*|тейк\w*|止损|止損|停损|停損|止盈|停利|損切|利確|利食|손절|익절",
)
# The broker closes a part of the position or all of it, whatever the strategy wants.
_FORCED = _compile_any(
    r"\bmargin ?(?:call|closeout|close out|stop ?out)\b|\bliquidat\w*|\bappel de marge\b|\bllamada de margen\b",
    r"\bmargenaufforderung\b|\bnachschuss\w*|маржин\w*|追加保证金|追加保證金|追证|追証|マージンコール|爆仓|마진콜",
)
_TO_LONG, _TO_SHORT = r"(?:long|buy)", r"(?:short|sell)"


def _compile_opening(side: str) -> re.Pattern[str]:
    return _compile_any(
        rf"\b(?:go|goes|enter\w*|open\w*|new|revers\w*|flip\w*|turn\w*|to|start)(?: \w+)? {side}\b",
        rf"\b{side}(?: \w+)? (?:entry|entries|open(?:ed)?|opening|start)\b|(?:\band|&) revers(?:e|al|ed)\b",
    )


_OPENS = {Direction.LONG: _compile_opening(_TO_LONG), Direction.SHORT: _compile_opening(_TO_SHORT)}
# Default comments of Pine Script's strategy.close and strategy.close_all, and of its risk rules.
_DEFAULT_CLOSE = re.compile(r"close (?:entry ?\(s\)|entry s|position|all) ?(?:order|\()|close position$|margin call$")
_LONG, _SHORT = re.compile(r"\blongs?\b|多|ロング|롱|лонг"), re.compile(r"\bshorts?\b|空|ショート|숏|шорт")
# A stop or a target in a longer text is most often the level that an entry comes with.
_LONGEST, _MOST_WORDS, _MOST_WORDS_OF_STOP = 80, 9, 5
_WORD_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SIGNS = re.compile(r"[\s_\-./:!\"'“”‘’#|\[\]{}*;,]+")


class CloseCertainty(Enum):
    """How surely a label says that its order closes a position."""

    CERTAIN = "certain"
    POSSIBLE = "possible"
    FORCED = "forced"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingLabel:
    """Meaning of a label that names a close; `side` is the position it names, None when it names none or both."""

    closing: CloseCertainty
    side: Direction | None


@lru_cache(maxsize=2048)
def parse_label(label: str, towards: Direction) -> ClosingLabel | None:
    """Return what an order's name or comment says about closing; None when it names no close.

    `towards` is the direction in which the order moves the position: a label that opens that side is no close.
    """
    text = _SIGNS.sub(" ", _WORD_BOUNDARY.sub(" ", label[: _LONGEST + 1])).lower().strip()
    if len(text) > _LONGEST or text.count(" ") >= _MOST_WORDS:
        return None
    if not is_default_close(text) and _OPENS[towards].search(text) is not None:
        return None
    side = _parse_side(text)
    if _FORCED.search(text) is not None:
        return ClosingLabel(closing=CloseCertainty.FORCED, side=side)
    is_short = text.count(" ") < _MOST_WORDS_OF_STOP
    if (is_short and _MAY_CLOSE.search(text) is not None) or (
        _CLOSES.search(text) is None and _orders_opposite(text, towards)
    ):
        return ClosingLabel(closing=CloseCertainty.POSSIBLE, side=side)
    return ClosingLabel(closing=CloseCertainty.CERTAIN, side=side) if _CLOSES.search(text) is not None else None


def is_default_close(text: str) -> bool:
    """Return whether a text in lower case begins like a comment that TradingView itself gives to closing orders."""
    return _DEFAULT_CLOSE.match(text) is not None


def _parse_side(text: str) -> Direction | None:
    names_long, names_short = _LONG.search(text) is not None, _SHORT.search(text) is not None
    if names_long is names_short:
        return None
    return Direction.LONG if names_long else Direction.SHORT


def _orders_opposite(text: str, towards: Direction) -> bool:
    """Return whether a label as a whole is an instruction to the other side: a buy that is named `Short`."""
    try:
        instruction = parse(text)
    except WordsContradict:
        return False
    return instruction is not None and instruction.towards is towards.opposite
