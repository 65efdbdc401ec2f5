"""Field names and patterns by which an alert shows that it is no plain entry or exit (a cancel, a stop, a part)."""

from __future__ import annotations

import re

# Fields with an event or a request; `type` is not among them, since a stop order may well open a position.
EVENT_FIELDS = (
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
    "ev",
)
ORDER_TYPE_FIELDS = ("type", "ordertype", "stopordertype", "strategyordertype")
STATUS_FIELDS = ("status", "orderstatus", "state", "orderstate", "result")
ID_FIELDS = ("orderid", "strategyorderid", "signalid", "alertid", "id", "name")
LABEL_FIELDS = (
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
PROSE_FIELDS = (
    *LABEL_FIELDS,
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
CANCEL_FLAGS = (
    "cancel",
    "cancelled",
    "canceled",
    "iscancel",
    "iscancelled",
    "iscanceled",
    "rejected",
    "ignore",
    "skip",
)
CLOSED_FLAGS = ("close", "closed", "isclosed", "reduce", "stopped", "stoppedout", "liquidated")
ENTRY_FLAGS = ("isentry", "isopen", "entry", "enabled", "isenabled", "active", "isactive", "valid", "isvalid")
PARTIAL_FLAGS = ("partial", "ispartial", "partialclose", "partialexit", "subtrade")
WHOLE_FLAGS = ("isfinalexit", "finalexit", "closesall", "closeall")
ACTION_FIELDS = ("action", "side", "orderaction")
PERCENT_FIELDS = (
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
RATIO_FIELDS = ("closeratio", "closefraction", "exitratio", "fraction")
SIZE_FIELDS = ("size", "qty", "quantity", "amount", "volume", "sz")
SIZE_UNIT_FIELDS = ("investmenttype", "quantitytype", "sizetype", "qtytype", "amounttype")
OPTION_TYPE_FIELDS = (
    "optiontype",
    "option",
    "optionright",
    "optionside",
    "optionclass",
    "right",
    "putcall",
    "callput",
    "callorput",
    "putorcall",
    "contracttype",
    "cp",
    "pc",
    "cepe",
    "opttype",
)
OPTION_TYPE = re.compile(r"(?:(?:long|short|buy|sell)[ _]?)?(?:calls?|puts?|c|p|ce|pe)", re.IGNORECASE)
# Only an option has such a field, whatever its value.
OPTION_FIELDS = (
    "strike",
    "strikeprice",
    "optionstrike",
    "optionstrikeprice",
    "optionsymbol",
    "occsymbol",
    "optioncontract",
    "optionexpiry",
    "optionexpiration",
    "optionid",
)
# Fields beside the symbol that may hold the symbol of the contract that is really ordered.
CONTRACT_FIELDS = ("contract", "contractsymbol", "localsymbol", "tradingsymbol", "instrument", "instid", "osi", "occ")
# Values that make an order one for an option, in a field of any name but a symbol's.
OPTION_WORDS = frozenset(
    {
        "PUT",
        "PUTS",
        "CALL",
        "CALLS",
        "PE",
        "CE",
        "BUY PUT",
        "BUY_PUT",
        "LONG PUT",
        "LONG_PUT",
        "BUY PE",
        "BUY_PE",
        "BUY CALL",
        "BUY_CALL",
        "PUT OPTION",
        "PUT_OPTION",
        "CALL OPTION",
        "CALL_OPTION",
        "OPT",
        "OPTION",
        "OPTIONS",
        "OPTIDX",
        "OPTSTK",
        "OPTFUT",
        "OPTCUR",
        "EQUITY_OPTION",
        "INDEX_OPTION",
    }
)
OPTION_LABEL_FIELDS = frozenset(
    {*LABEL_FIELDS, "message", "msg", "note", "notes", "text", "orderid", "strategyorderid", "signalname"}
)
OPTION_IN_LABEL = re.compile(
    r"\b(?:PE|CE|PUTS?|CALLS)\b|(?i:\b(?:buy|long|sell|short|atm|otm|itm|\d{2,}) ?(?:put|call)s?\b"
    r"|\b(?:put|call)s? ?(?:options?|buy|long|entry|side)\b)"
)
REPORT_FIELDS = (
    *EVENT_FIELDS,
    *STATUS_FIELDS,
    "type",
    "e",
    "ev",
    "signalevent",
    "tradeevent",
    "exectype",
    "executiontype",
    "topic",
    "channel",
    "notification",
    "notificationtype",
)
# Reports of a fill by brokers and bots: entry_fill, order.filled, executionReport, ORDER_TRADE_UPDATE.
FILL_REPORT = re.compile(
    r"(?:(?:entry|exit|buy|sell|order|trade|partial|partially|position|long|short|new) )*fill(?:s|ed)?"
    r"(?: (?:order|event|report|notification|update))?"
    r"|(?:(?:order|trade|entry|exit|buy|sell) )?execut(?:ed|ions?)(?: (?:report|details?|event|update|notification))?"
    r"|exec(?:ution)? details?|order (?:trade )?updates?|trade updates?|own trades?|order report"
)

# Words that rule out an entry and an exit alike.
_DENIAL_WORDS = (
    r"partial(ly)?|reduc(e[ds]?|ing)|scal(e|ing) ?out|trim(med)?|half|(tp|target|take ?profit) ?\d{1,2}"
    r"|updat(e[ds]?|ing)|modif(y|ied)|amend(ed)?|replace[ds]?|mov(e|ed|ing) (sl|tp|stop)|break ?even"
    r"|no|not|don'?t|never|avoid|wait|ignore|hold|neutral|skip|heartbeat|ping"
    r"|expired|rejected|invalidated|liquidat(ed|ion)|margin ?call"
)
# Words that rule out an entry, but not an exit.
_CLOSING_WORDS = (
    r"(?<!bar )(?<!candle )clos(e[ds]?|ing)|exit(s|ed)?|trail(ing)?"
    r"|(sl|tp|target|stop|take ?profit|stop ?loss) ?\d{0,2}( ?(hit|reached|filled))?"
)
RULES_OUT_ORDER = re.compile(rf"cancel|(?<![a-z])({_DENIAL_WORDS})(?![a-z])")
RULES_OUT_ENTRY = re.compile(rf"cancel|(?<![a-z])({_DENIAL_WORDS}|{_CLOSING_WORDS})(?![a-z])")
_DEAD_WORDS = r"reject(ed)?|expired|failed|denied|error|invalid(ated)?|inactive|disabled|void|deleted"
STATUS_RULES_OUT_ORDER = re.compile(rf"cancel|(?<![a-z])({_DENIAL_WORDS}|{_DEAD_WORDS})(?![a-z])")
STATUS_RULES_OUT_ENTRY = re.compile(
    rf"cancel|(?<![a-z])({_DENIAL_WORDS}|{_DEAD_WORDS}|{_CLOSING_WORDS}|stopped)(?![a-z])"
)
PROSE_RULES_OUT_ORDER = re.compile(
    r"cancel|(?<![a-z])(do not|don.?t|never|ignore|disregard|invalidated|rejected"
    r"|no (new )?(trades?|entry|entries|buy|sell|long|short|signal)"
    r"|not (a )?(buy|sell|long|short|bullish|bearish|enter|entry|trad|open)\w*)"
)
# A label that begins so belongs to a closing order, unless a price follows: `TP 45000` only states a level.
LABEL_RULES_OUT_ENTRY = re.compile(
    r"(tp|sl|target|take ?profit|stop ?loss|trail(ing)?|break ?even) ?\d{0,2}(?![a-z\d]| ?[=@] ?\d| ?\d+[\d.,%]| \d+%)"
    r"|[a-z ]{0,40}(?<![a-z])(tp|sl) ?\d?$|partial|stopped"
    r"|(trade|position|order|signal) (closed|exited|stopped|expired)"
    r"|(stop|exit|close[ds]?)( ?\d*$| (long|short|buy|sell|hit|position|trade|order|all|tp|sl|target|half)\b)"
)
# Texts that no field of an entry has, whatever its name. A bare `close` is not among them: it may be a price.
ANY_FIELD_RULES_OUT_ENTRY = re.compile(
    r"((order|position|trade|signal) )?"
    r"(cancel\w*|exit(s|ed)?|closed|reduce( ?only)?|partial\w*|stopped( out)?|liquidat\w+|expired|rejected"
    r"|clos(e|es|ing) (long|short|position|trade|order|all)s?|(long|short) (exit|close)"
    r"|(tp|sl|take ?profit|stop ?loss|target) ?\d? ?(hit|reached|filled))( (order|position|trade|signal|long|short))?"
)
ANY_FIELD_RULES_OUT_ORDER = re.compile(r"((order|position|trade|signal) )?(cancel\w*|rejected)")
# Fields with free names in them, or about an earlier order: their texts are no sign.
UNRELATED_KEY = re.compile(
    r"strateg|indicator|system|user|bot|name$|script|prev|last|old|before|former|id$|key|token|secret"
)
PARTIAL = re.compile(
    r"(?<![a-z])(partial(ly)?|half|scal(e|ing) ?out|(tp|target|take ?profit) ?[1-9](?![\d.,]))(?![a-z])"
)
PROTECTIVE_ORDER = re.compile(r"(?<![a-z])(take ?profit|tp|stop ?loss|sl|trail(ing)?)(?![a-z])")
WAITING_EXIT = re.compile(r"(?<![a-z])(stop|stp|take ?profit|tp|sl|trail(ing)?)(?![a-z])")
