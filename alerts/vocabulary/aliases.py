"""Field names of a payload by their meaning, squeezed and in order of preference."""

from __future__ import annotations

from dataclasses import astuple, dataclass

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """Field names by meaning, in the form of `alerts.parsing.fields.squeeze`.

    `commands` hold instructions such as `buy` and must have known words. `remarks` may hold instructions; those that
    do must agree with the commands. `hints` (a trend, a bias) decide only when there is no instruction. `before` and
    `after` hold the strategy's position around the order; `size_after` holds the latter as a signed size, for senders
    that do not mean the order's size by it. `sequence` is the alert's number among those of its strategy. `bars` are
    groups with open, high, low, close and volume (an empty name: the top level). `harmless` fields would cancel an
    order in other dialects, and have another meaning in this one. `loose_size_after` may hold the signed position after
    the order or the order's own size, so only a zero and its sign count; of `absolute_size_after`, only a zero.
    `size_before` is the signed position before the order, of which only a negative number counts.
    """

    symbol: Names
    exchange: Names
    commands: Names
    remarks: Names
    hints: Names
    after: Names
    before: Names
    size_after: Names
    loose_size_after: Names
    absolute_size_after: Names
    size_before: Names
    timeframe: Names
    bar_time: Names
    event_time: Names
    price: Names
    confidence: Names
    strategy: Names
    is_test: Names
    explicit_id: Names
    order_id: Names
    sequence: Names
    comment: Names
    bars: Names
    harmless: Names = ()


GENERAL = Aliases(
    symbol=(
        "symbol",
        "ticker",
        "tvinstrument",
        "instrument",
        "pair",
        "tradingpair",
        "market",
        "asset",
        "metaticker",
        "metasymbol",
        "signalsymbol",
        "signalticker",
        "strategyticker",
        "strategysymbol",
        "syminfoticker",
        "tvsymbol",
        "tickerid",
        "syminfotickerid",
        "underlying",
        "contract",
        "productid",
        "instid",
        "instrumentid",
        "tradingsymbol",
        "symbolname",
        "symbolvalue",
        "symbolid",
        "symbolticker",
        "currencypair",
        "coinpair",
        "epic",
        "scrip",
        "tickersymbol",
        "marketsymbol",
        "stock",
        "sym",
        "stocks",
        "symbols",
        "tickers",
    ),
    exchange=("exchange", "tvexchange", "metaexchange", "signalexchange", "syminfoprefix", "venue"),
    commands=(
        "action",
        "direction",
        "side",
        "orderaction",
        "strategyorderaction",
        "strategyaction",
        "orderside",
        "tradeaction",
        "signaldirection",
        "signalaction",
        "signalside",
        "tradedirection",
        "positionintent",
        "instruction",
        "operation",
        "transactiontype",
        "txntype",
        "tradetype",
        "ordertransactiontype",
        "orderdirection",
        "dir",
    ),
    remarks=(
        "signal",
        "signaltype",
        "type",
        "command",
        "cmd",
        "event",
        "eventtype",
        "alerttype",
        "position",
        "strategyorderalertmessage",
        "order",
        "actiontype",
        "decision",
        "intent",
        "trade",
        "data",
        "alert",
        "positioneffect",
        "effect",
        "offset",
        "tradeside",
        "op",
        "execinst",
        "signalevent",
        "tradeevent",
        "ev",
    ),
    hints=("trend", "bias", "eventphasename", "phasename", "eventphase", "signaltrend", "signalbias", "metatrend"),
    after=(
        "marketposition",
        "strategymarketposition",
        "strategyinfomarketposition",
        "sentiment",
        "strategysentiment",
        "signalsentiment",
        "newposition",
        "newmarketposition",
        "positionafter",
        "marketpos",
        "mp",
        "currentposition",
        "strategyposition",
        "resultingposition",
        "newpos",
        "posafter",
    ),
    before=(
        "prevmarketposition",
        "strategyprevmarketposition",
        "strategyinfoprevmarketposition",
        "previousmarketposition",
        "prevposition",
        "previousposition",
        "positionbefore",
    ),
    size_after=("strategypositionsize", "strategyinfopositionsize"),
    loose_size_after=(
        "positionsize",
        "possize",
        "newpositionsize",
        "positionnewsize",
        "positionsizeafter",
        "netposition",
        "netpositionsize",
        "positionqty",
        "currentpositionsize",
        "position",
        "pos",
        "netpos",
    ),
    absolute_size_after=(
        "marketpositionsize",
        "strategymarketpositionsize",
        "strategyinfomarketpositionsize",
        "newmarketpositionsize",
    ),
    size_before=("prevpositionsize", "previouspositionsize", "positionsizebefore", "strategyprevpositionsize"),
    timeframe=(
        "timeframe",
        "tf",
        "interval",
        "triggertimeframe",
        "metatimeframe",
        "signaltimeframe",
        "metainterval",
        "strategyinterval",
        "bartimeframe",
        "barinterval",
        "charttimeframe",
        "resolution",
        "period",
    ),
    bar_time=("time", "bartime", "baropentime", "opentime", "candletime", "ohlctime", "metabartime"),
    event_time=(
        "timenow",
        "timestamp",
        "alerttime",
        "firedat",
        "triggeredat",
        "triggertime",
        "signaltime",
        "eventtime",
        "eventtimestamp",
        "signaltimestamp",
        "metatimestamp",
        "metatimenow",
        "ts",
        "datetime",
    ),
    price=(
        "price",
        "triggerprice",
        "orderprice",
        "strategyorderprice",
        "strategyprice",
        "entry",
        "entryprice",
        "signalprice",
        "signalentry",
        "signalentryprice",
        "currentprice",
        "lastprice",
        "last",
        "close",
        "barclose",
        "ohlcclose",
        "candleclose",
        "metaprice",
        "tradeprice",
        "px",
        "sigpx",
        "entrypx",
    ),
    confidence=("confidence", "confidencescore", "signalconfidence", "metaconfidence", "aiconfidence"),
    strategy=("strategy", "strategyname", "strategyid", "metastrategy", "signalstrategy", "indicator", "system"),
    is_test=("istest", "test", "metaistest", "metatest", "signalistest"),
    explicit_id=("signalid", "alertid", "id", "uuid", "eventid", "messageid", "metaid", "metasignalid", "metaalertid"),
    order_id=("orderid", "strategyorderid", "strategyinfoorderid"),
    sequence=(
        "sequence",
        "seq",
        "sequenceno",
        "sequencenumber",
        "seqno",
        "seqnum",
        "alertno",
        "alertnumber",
        "alertsequence",
        "signalsequence",
        "metasequence",
        "metaseq",
    ),
    comment=(
        "comment",
        "ordercomment",
        "strategyordercomment",
        "strategycomment",
        "alertmessage",
        "message",
        "note",
    ),
    bars=("", "bar", "ohlc", "candle", "ohlcv"),
)
_MORE_WORDS = (
    "action amount bar comment contracts id market meta order plot prev price signal size stop strategy syminfo take"
    " target time tv true false null"
)
# Words that field names consist of: `strategy.order_action` has three of them, `ticker` is one.
WORDS = frozenset(name for names in astuple(GENERAL) for name in names) | frozenset(_MORE_WORDS.split())
