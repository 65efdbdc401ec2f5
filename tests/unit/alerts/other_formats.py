"""Forms that no dialect was written for: read by what their fields and words are called."""

from __future__ import annotations

LONG, SHORT = ("long", "entry"), ("short", "entry")
CLOSES_LONG, CLOSES_SHORT = ("long", "exit"), ("short", "exit")

# Of each: the dialect, the message, its symbol, and what it asks for.
OTHERS: list[tuple[str, str, str, tuple[str, str]]] = [
    ("general", '{"instId":"BTC-USDT-SWAP","side":"buy","posSide":"long","sz":"1"}', "BTCUSDT", LONG),
    ("general", '{"instId":"BTC-USDT-SWAP","side":"sell","posSide":"long"}', "BTCUSDT", CLOSES_LONG),
    ("general", '{"symbol":"BTCUSDT","side":"SELL","positionSide":"SHORT"}', "BTCUSDT", SHORT),
    ("general", '{"symbol":"BTCUSDT","side":"BUY","positionSide":"SHORT"}', "BTCUSDT", CLOSES_SHORT),
    ("general", '{"symbol":"BTCUSDT","side":"sell","reduce_only":true}', "BTCUSDT", CLOSES_LONG),
    ("general", '{"symbol":"BTCUSDT","side":"buy","reduceOnly":"true"}', "BTCUSDT", CLOSES_SHORT),
    ("general", '{"symbol":"BTCUSDT","side":"buy","reduceOnly":false}', "BTCUSDT", LONG),
    ("general", '{"symbol":"BTCUSDT","side":"SELL","posSide":"BOTH","closePosition":"true"}', "BTCUSDT", CLOSES_LONG),
    ("dual_engine", '{"symbol":"BTCUSDT","signal":"buy","exit":true}', "BTCUSDT", CLOSES_SHORT),
    ("general", '{"symbol":"AAPL","side":"sell","position_intent":"sell_to_close"}', "AAPL", CLOSES_LONG),
    ("general", '{"symbol":"AAPL","side":"buy","position_intent":"buy_to_close"}', "AAPL", CLOSES_SHORT),
    ("dual_engine", '{"symbol":"AAPL","signal":"STC"}', "AAPL", CLOSES_LONG),
    ("general", '{"tradingsymbol":"INFY","transactionType":"B"}', "INFY", LONG),
    ("general", '{"ticker":"AAPL","instruction":"BUY"}', "AAPL", LONG),
    ("general", '{"ticker":"AAPL","order":"buy"}', "AAPL", LONG),
    ("general", '{"ticker":"AAPL","action":"stop_loss","side":"long"}', "AAPL", CLOSES_LONG),
    ("general", '{"ticker":"AAPL","buy":1,"sell":0}', "AAPL", LONG),
    ("general", '{"ticker":"AAPL","long":true}', "AAPL", LONG),
    ("general", '{"ticker":"AAPL","exit_short":true}', "AAPL", CLOSES_SHORT),
    ("general", '{"ticker":"AAPL","action":"sell","comment":"Close entry(s) order Long"}', "AAPL", CLOSES_LONG),
    ("general", '{"ticker":"AAPL","action":"buy","id":"Close position order"}', "AAPL", CLOSES_SHORT),
    ("general", '{"ticker":"AAPL","action":"sell","order_id":"Exit Long"}', "AAPL", CLOSES_LONG),
    ("general", '{"base":"BTC","quote":"USDT","side":"sell","intent":"open"}', "BTCUSDT", SHORT),
    ("general", '{"symbol":"btc","quote":"usdt","side":"long"}', "BTCUSDT", LONG),
    ("dual_engine", '{"meta":{"symbol":"AAPL","tf":"5"},"decision":{"side":"LONG"}}', "AAPL", LONG),
    ("general", '{"data":{"attributes":{"symbol":"AAPL","side":"buy"}}}', "AAPL", LONG),
    ("general", '{"symbol":{"ticker":"AAPL","exchange":"NASDAQ"},"action":{"type":"buy"}}', "AAPL", LONG),
    ("general", '{"body":"{\\"ticker\\":\\"AAPL\\",\\"action\\":\\"buy\\"}","from":"tv"}', "AAPL", LONG),
    ("general", '{"text":"BTCUSDT buy"}', "BTCUSDT", LONG),
    ("general", '{"passphrase":"p","orders":[{"symbol":"BTCUSDT","side":"buy"}]}', "BTCUSDT", LONG),
    ("general", "🟢 BUY BTCUSDT", "BTCUSDT", LONG),
    ("general", "AAPL: buy signal on 15m", "AAPL", LONG),
    ("general", "AAPL - Long Exit", "AAPL", CLOSES_LONG),
    ("general", "AAPL buy sl=180 tp=200 risk=1", "AAPL", LONG),
    ("general", "long|BTCUSDT|enter|60", "BTCUSDT", LONG),
    ("general", '{"symbol":"$BTC","side":"long"}', "BTC", LONG),
    ("dual_engine", '{"symbol":"BTCUSDT","event":"once per bar close","action":"buy"}', "BTCUSDT", LONG),
]

# What is broken and the message: a long entry of BTCUSDT, all of them.
BROKEN: list[tuple[str, str]] = [
    ("a quote in a comment", '{"ticker":"BTCUSDT","action":"buy","comment":"Close "Short", go "Long" now"}'),
    ("a quote at the end of a comment", '{"ticker":"BTCUSDT","comment":"the "Long"","action":"buy"}'),
    ("a comma at the end", '{"ticker":"BTCUSDT","action":"buy",}'),
    ("a value left empty", '{"ticker":"BTCUSDT","action":"buy","price":,"x":1}'),
    ("a bare placeholder", '{"ticker":"BTCUSDT","action":"buy","price":{{plot_0}}}'),
    ("a bare NaN", '{"ticker":"BTCUSDT","action":"buy","price":NaN}'),
    ("bare words", '{"ticker":BTCUSDT,"action":buy}'),
    ("bare keys", "{ticker: 'BTCUSDT', action: 'buy'}"),
    ("single quotes", "{'ticker':'BTCUSDT','action':'buy'}"),
    ("typographic quotes", "{“ticker”: “BTCUSDT”, “action”: “buy”}"),
    ("a byte order mark", '\ufeff{"ticker":"BTCUSDT","action":"buy"}'),
    ("JSON in a JSON text", '"{\\"ticker\\":\\"BTCUSDT\\",\\"action\\":\\"buy\\"}"'),
    ("line breaks in a text", '{"ticker":"BTCUSDT","action":"buy","comment":"two\nlines"}'),
    ("an escape in a broken text", '{"ticker":"BTCUSDT","comment":"a \\"b\\" "c"","action":"\\u0062uy"}'),
]
