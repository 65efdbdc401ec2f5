"""Where each thing stands in a payload: squeezed field names by meaning, in order of preference."""

from __future__ import annotations

from dataclasses import astuple, dataclass

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """Field names by meaning; `alerts.parsing.fields.squeeze` says how names compare.

    `commands` must be words we know, `remarks` count when they are such words, and both must agree; `hints` decide
    only when neither says anything. `after` and `before` report the strategy's position around the order, `size_after`
    does so as a signed size, where no word says it (a bare `position_size` may as well be the order's). `sequence` is
    the number of the alert among those of its strategy, under a name that can mean nothing else. `bars` are the groups
    in which open, high, low, close and volume stand (empty: at the top). `harmless` fields would take an order back
    elsewhere, and mean something else here.
    """

    symbol: Names
    exchange: Names
    commands: Names
    remarks: Names
    hints: Names
    after: Names
    before: Names
    size_after: Names
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
# The parts that names of fields are written with: `strategy.order_action` is three of them, `ticker` is one.
WORDS = frozenset(name for names in astuple(GENERAL) for name in names) | {
    "action",
    "amount",
    "bar",
    "comment",
    "contracts",
    "id",
    "market",
    "meta",
    "order",
    "plot",
    "prev",
    "price",
    "signal",
    "size",
    "stop",
    "strategy",
    "syminfo",
    "take",
    "target",
    "time",
    "tv",
    "true",
    "false",
    "null",
}
