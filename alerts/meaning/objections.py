"""What speaks against an order its words ask for: a cancel, a negation, a part of a position, a stop or a target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from alerts.parsing import values
from alerts.parsing.fields import Field, Fields, squeeze
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary import words
from alerts.vocabulary.aliases import Aliases
from alerts.vocabulary.words import Verb, Wish, WordsContradict

# What happened or is to be done; `type` is not among them, since a stop order may well open.
_EVENTS = (
    "event",
    "eventtype",
    "alerttype",
    "signal",
    "signaltype",
    "command",
    "cmd",
    "intent",
    "order",
    "actiontype",
    "decision",
    "op",
    "method",
    "messagetype",
    "msgtype",
    "request",
    "requesttype",
)
_KINDS = ("type", "ordertype", "stopordertype", "strategyordertype")
_STATES = ("status", "orderstatus", "state", "orderstate", "result")
_IDS = ("orderid", "strategyorderid", "signalid", "alertid", "id", "name")
_LABELS = (
    "comment",
    "ordercomment",
    "strategycomment",
    "alert",
    "alertname",
    "signalname",
    "eventname",
    "title",
    "reason",
    "exitreason",
    "closereason",
    "subject",
    "pretext",
    "header",
    "summary",
    "tag",
    "label",
)
_PROSE = (
    *_LABELS,
    "name",
    "alertmessage",
    "orderalertmessage",
    "message",
    "msg",
    "note",
    "notes",
    "text",
    "content",
    "description",
    "remark",
    "remarks",
)
_TAKEN_BACK = ("cancel", "cancelled", "canceled", "iscancel", "iscancelled", "iscanceled", "rejected", "ignore", "skip")
_OVER = ("close", "closed", "isclosed", "reduce", "stopped", "stoppedout", "liquidated")
_CONDITIONS = ("isentry", "isopen", "entry", "enabled", "isenabled", "active", "isactive", "valid", "isvalid")
_IN_PART = ("partial", "ispartial", "partialclose", "partialexit")
_ACTIONS = ("action", "side", "orderaction")
_SHARES = (
    "qtypercent",
    "quantitypercent",
    "sizepercent",
    "closepercent",
    "closepercentage",
    "exitpercent",
    "percent",
    "percentage",
    "pct",
    "closepct",
    "qtypct",
)
_RATIOS = ("closeratio", "closefraction", "exitratio", "fraction")
_SIZES = ("size", "qty", "quantity", "amount", "volume", "sz")
_SIZED_BY = ("investmenttype", "quantitytype", "sizetype", "qtytype", "amounttype")
_OPTIONS = ("optiontype", "right", "putcall", "callput", "contracttype")
_OPTION = re.compile(r"call|put|c|p|ce|pe", re.IGNORECASE)

_DENIAL = (
    r"partial(ly)?|reduc(e[ds]?|ing)|scal(e|ing) ?out|trim(med)?|half|(tp|target|take ?profit) ?\d{1,2}"
    r"|updat(e[ds]?|ing)|modif(y|ied)|amend(ed)?|replace[ds]?|mov(e|ed|ing) (sl|tp|stop)|break ?even"
    r"|no|not|don'?t|never|avoid|wait|ignore|hold|neutral|skip|heartbeat|ping"
    r"|expired|rejected|invalidated|liquidat(ed|ion)|margin ?call"
)
_CLOSING = (
    r"(?<!bar )(?<!candle )clos(e[ds]?|ing)|exit(s|ed)?|trail(ing)?"
    r"|(sl|tp|target|stop|take ?profit|stop ?loss) ?\d{0,2}( ?(hit|reached|filled))?"
)
_DENIES = re.compile(rf"cancel|(?<![a-z])({_DENIAL})(?![a-z])")
_TURNS = re.compile(rf"cancel|(?<![a-z])({_DENIAL}|{_CLOSING})(?![a-z])")
_DEAD = r"reject(ed)?|expired|failed|denied|error|invalid(ated)?|inactive|disabled|void|deleted"
_STATE_DENIES = re.compile(rf"cancel|(?<![a-z])({_DENIAL}|{_DEAD})(?![a-z])")
_STATE_TURNS = re.compile(rf"cancel|(?<![a-z])({_DENIAL}|{_DEAD}|{_CLOSING}|stopped)(?![a-z])")
_PROSE_DENIES = re.compile(
    r"cancel|(?<![a-z])(do not|don.?t|never|ignore|disregard|invalidated|rejected"
    r"|no (new )?(trades?|entry|entries|buy|sell|long|short|signal)"
    r"|not (a )?(buy|sell|long|short|bullish|bearish|enter|entry|trad|open)\w*)"
)
# A name that begins so names an order that closes, unless a price follows: `TP 45000` is a level.
_LABEL_TURNS = re.compile(
    r"(tp|sl|target|take ?profit|stop ?loss|trail(ing)?|break ?even) ?\d{0,2}(?![a-z\d]| ?[=@] ?\d| ?\d+[\d.,%]| \d+%)"
    r"|[a-z ]{0,40}(?<![a-z])(tp|sl) ?\d?$|partial|stopped"
    r"|(trade|position|order|signal) (closed|exited|stopped|expired)"
    r"|(stop|exit|close[ds]?)( ?\d*$| (long|short|buy|sell|hit|position|trade|order|all|tp|sl|target|half)\b)"
)
# What no field says beside an entry, whatever it is called. A bare `close` may be a price.
_OVER_ANYWHERE = re.compile(
    r"((order|position|trade|signal) )?"
    r"(cancel\w*|exit(s|ed)?|closed|reduce( ?only)?|partial\w*|stopped( out)?|liquidat\w+|expired|rejected"
    r"|clos(e|es|ing) (long|short|position|trade|order|all)s?|(long|short) (exit|close)"
    r"|(tp|sl|take ?profit|stop ?loss|target) ?\d? ?(hit|reached|filled))( (order|position|trade|signal|long|short))?"
)
_TAKEN_ANYWHERE = re.compile(r"((order|position|trade|signal) )?(cancel\w*|rejected)")
# Names that may be anything, and what stood before.
_ANY_NAME = re.compile(
    r"strateg|indicator|system|user|bot|name$|script|prev|last|old|before|former|id$|key|token|secret"
)
_PART = re.compile(r"(?<![a-z])(partial(ly)?|half|scal(e|ing) ?out|(tp|target|take ?profit) ?[1-9](?![\d.,]))(?![a-z])")
_GUARDS = re.compile(r"(?<![a-z])(take ?profit|tp|stop ?loss|sl|trail(ing)?)(?![a-z])")
_STOPS = re.compile(r"(?<![a-z])(stop|stp|take ?profit|tp|sl|trail(ing)?)(?![a-z])")
# A bar, a market or a session that is closed closes nothing.
_OF_THE_BAR = re.compile(r"(?:^|[._-])(?:bar|candle|kline|ohlcv?|market|session)[._-]?(?:status|state)?(?:$|[._-])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN = re.compile(r"[\s_\-./:!]+")
_LONGEST_WORD, _LONGEST_LABEL, _LONGEST_PROSE = 40, 100, 2_000
_MAY_BE_OVER = re.compile(r"cancel|exit|clos|reduc|partial|stop|liquid|expired|reject|hit|reach|filled", re.IGNORECASE)


def against(fields: Fields, aliases: Aliases, *, asked: Wish, meant: Wish, tells_position: bool) -> Field | None:
    """Return what speaks against an order, None when nothing does.

    `asked` is what the words say, `meant` what they mean with the flags beside them. What says `cancel` or `do not`
    always speaks against it; what speaks of closing, of a stop or a target only where the words do not close. The
    order's name says it only where no position does, which would say it better.
    """
    closes = meant.verb is Verb.CLOSE
    return (
        _speaks(fields, _EVENTS, _turning(_DENIES if asked.verb is Verb.CLOSE else _TURNS))
        or _speaks(fields, _STATES, (_STATE_DENIES if closes else _STATE_TURNS).search)
        or _speaks(fields, _PROSE, _PROSE_DENIES.search, longest=_LONGEST_PROSE)
        or _flagged(fields, _TAKEN_BACK, yes=True, but=aliases.harmless)
        or (None if closes else _flagged(fields, (*_OVER, *_IN_PART), yes=True))
        or (None if closes else _over(fields, _TAKEN_ANYWHERE if tells_position else _OVER_ANYWHERE))
        or (None if closes else _flagged(fields, _CONDITIONS, yes=False))
        or _waiting(fields, aliases.commands, closes=closes)
        or _otherwise(fields, meant)
        or (None if closes or tells_position else _labelled(fields))
    )


def _labelled(fields: Fields) -> Field | None:
    """Return what is called as an order is that closes."""
    turning = _turning(_LABEL_TURNS, at_start=True)
    return _speaks(fields, _LABELS, turning) or _said(fields.all(_IDS), turning)


def _over(fields: Fields, pattern: re.Pattern[str]) -> Field | None:
    """Return a field of any name that says that something is over."""
    for name, one in fields.every():
        written = one.value
        if not isinstance(written, str) or not 4 <= len(written) <= _LONGEST_WORD or not _MAY_BE_OVER.search(written):
            continue
        if pattern.fullmatch(_plain(written)) and not _ANY_NAME.search(name) and not _of_the_bar(one):
            return one
    return None


def partial(fields: Fields) -> Field | None:
    """Return what says that only a part of the position is closed, None when nothing does."""
    return (
        _flagged(fields, _IN_PART, yes=True)
        or _speaks(fields, (*_LABELS, *_KINDS), _PART.search)
        or _said(fields.all(_IDS), _PART.search)
        or next((one for one in _shares(fields) if _is_part(one.value, of=100)), None)
        or next((one for one in fields.named(_RATIOS) if _is_part(one.value, of=1)), None)
    )


def option(fields: Fields) -> Field | None:
    """Return the field that says that the order is for an option, whose side is not that of what it is on."""
    return next((one for one in fields.named(_OPTIONS) if _OPTION.fullmatch(str(one.value).strip())), None)


def turns(written: str) -> bool:
    """Say whether a remark that is no phrase of ours speaks of something that no entry speaks of."""
    return _turning(_TURNS)(_plain(written)) is not None


def _speaks(
    fields: Fields, names: Sequence[str], found: Callable[[str], object], *, longest: int = _LONGEST_LABEL
) -> Field | None:
    return _said(fields.named(names), found, longest=longest)


def _said(given: Sequence[Field], found: Callable[[str], object], *, longest: int = _LONGEST_LABEL) -> Field | None:
    for one in given:
        if isinstance(one.value, str) and not _of_the_bar(one) and found(_plain(one.value[:longest])):
            return one
    return None


def _plain(written: str) -> str:
    return _BETWEEN.sub(" ", _CAMEL.sub(" ", written)).lower().replace("’", "'").strip()


def _of_the_bar(given: Field) -> bool:
    return _OF_THE_BAR.search(given.path.lower()) is not None


def _turning(pattern: re.Pattern[str], *, at_start: bool = False) -> Callable[[str], object]:
    search = pattern.match if at_start else pattern.search
    return lambda written: None if (found := search(written)) is None or _is_phrase(written) else found


def _is_phrase(written: str) -> bool:
    try:
        return words.read(written) is not None
    except WordsContradict:
        return False


def _flagged(fields: Fields, names: Sequence[str], *, yes: bool, but: Sequence[str] = ()) -> Field | None:
    said = ("true", "yes") if yes else ("false", "no")
    flags = (one for one in fields.named(names) if str(one.value).strip().lower() in said)
    return next((one for one in flags if not _of_the_bar(one) and squeeze(one.path) not in but), None)


def _waiting(fields: Fields, commands: Sequence[str], *, closes: bool) -> Field | None:
    """Return the kind of an order that only guards a position, or that closes it at a price that may never come."""
    if any(_closes(one.value) for one in fields.all(commands)):
        return None
    return _speaks(fields, _KINDS, lambda kind: (_STOPS if closes else _GUARDS).search(kind) or _DENIES.search(kind))


def _otherwise(fields: Fields, meant: Wish) -> Field | None:
    """Return another action or side, in whatever group, that orders the opposite or closes what this opens."""
    return next((one for one in fields.named(_ACTIONS) if _is_otherwise(str(one.value), meant)), None)


def _is_otherwise(written: str, meant: Wish) -> bool:
    try:
        wish = words.read(written[:_LONGEST_LABEL])
    except WordsContradict:
        return True
    if wish is None:
        return _DENIES.search(_plain(written[:_LONGEST_LABEL])) is not None
    against = wish.order is not None and meant.order not in (None, wish.order)
    return against or (wish.verb is Verb.CLOSE and meant.verb is not Verb.CLOSE)


def _closes(value: Leaf) -> bool:
    wish = words.read(str(value)[:_LONGEST_LABEL])
    return wish is not None and wish.verb is Verb.CLOSE and wish.order is None


def _shares(fields: Fields) -> Iterator[Field]:
    yield from fields.named(_SHARES)
    by_position = any("position" in str(one.value).lower() for one in fields.named(_SIZED_BY))
    yield from (one for one in fields.named(_SIZES) if by_position or str(one.value).strip().endswith("%"))


def _is_part(value: Leaf, *, of: int) -> bool:
    try:
        share = values.number(value.strip().rstrip("%").strip() if isinstance(value, str) else value)
    except ValueUnreadable:
        return False
    return Decimal(0) < share < of
