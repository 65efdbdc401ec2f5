"""Bar files of each form, as the program or the exchange of its name writes it, with what is read of them."""

from __future__ import annotations

from dataclasses import dataclass

TRADINGVIEW = (
    "time,open,high,low,close,Volume,Volume MA,RSI\n"
    "1704464400,100.0,101.0,99.0,100.5,1200,1100,55.1\n"
    "1704468000,100.5,102.0,100.0,101.5,900,1000,NaN\n"
    "1704471600,101.5,103.0,101.0,102.5,950,1000,60\n"
)
TRADINGVIEW_ISO = (
    "time,open,high,low,close,Volume\n"
    "2024-01-05T09:30:00-05:00,100.0,101.0,99.0,100.5,1200\n"
    "2024-01-05T10:30:00-05:00,100.5,102.0,100.0,101.5,900\n"
    "2024-01-05T11:30:00-05:00,101.5,103.0,101.0,102.5,950\n"
)
TRADINGVIEW_DAILY = (
    "time,open,high,low,close\n1704205800,1,2,1,2\n1704292200,1,2,1,2\n1704378600,1,2,1,2\n1704465000,1,2,1,2\n"
)
YAHOO = (
    "Date,Open,High,Low,Close,Adj Close,Volume\n"
    "2024-01-02,187.15,188.44,183.89,185.64,184.93,82488700\n"
    "2024-01-03,null,null,null,null,null,null\n"
    "2024-01-04,182.15,183.09,180.88,181.91,181.22,71983600\n"
    "2024-01-05,181.99,182.76,180.17,181.18,180.49,62303300\n"
)
YFINANCE = (
    "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n"
    "2024-01-02,185.64,188.44,183.89,187.15,82488700\n"
    "2024-01-03,184.25,185.88,183.43,184.22,58414500\n"
)
YFINANCE_INTRADAY = (
    "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
    "2024-01-05 09:30:00-05:00,1,2,1,2,10,0.0,0.0\n"
    "2024-01-05 09:35:00-05:00,1,2,1,2,20,0.0,0.0\n"
)
BINANCE = (
    "1704067200000,42283.58,42298.62,42261.02,42298.61,35.92,1704067259999,1519032.33,1327,23.18,980394.73,0\n"
    "1704067260000,42298.62,42320.00,42298.61,42320.00,21.16,1704067319999,895580.44,1348,13.16,556939.13,0\n"
    "1704067320000,42319.99,42331.54,42319.99,42325.50,21.60,1704067379999,914371.19,1019,11.33,479574.48,0\n"
)
BINANCE_MICROSECONDS = (
    "1735689600000000,93576.00,93610.93,93537.50,93610.93,8.2,1735689659999999,768978.08,1031,4.1,384492.93,0\n"
    "1735689660000000,93610.93,93652.00,93606.20,93652.00,4.1,1735689719999999,386542.53,1106,2.1,199451.63,0\n"
)
BINANCE_FUTURES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
    "1704067200000,42283.58,42298.62,42261.02,42298.61,35.92,1704070799999,1519032.33,1327,23.18,980394.73,0\n"
    "1704070800000,42298.62,42320.00,42298.61,42320.00,21.16,1704074399999,895580.44,1348,13.16,556939.13,0\n"
)
BINANCE_DAILY = (
    "1704067200000,42283.58,42298.62,42261.02,42298.61,35.92,1704153599999,1519032.33,1327,23.18,980394.73,0\n"
    "1704153600000,42298.62,42320.00,42298.61,42320.00,21.16,1704239999999,895580.44,1348,13.16,556939.13,0\n"
)
METATRADER4 = (
    "2011.12.08,18:49,77.708,77.710,77.702,77.702,30\n"
    "2011.12.08,18:50,77.700,77.701,77.693,77.700,19\n"
    "2011.12.08,18:51,77.701,77.702,77.700,77.700,15\n"
)
METATRADER5 = (
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    "2024.01.05\t14:00:00\t1.09400\t1.09450\t1.09380\t1.09420\t812\t0\t3\n"
    "2024.01.05\t14:15:00\t1.09420\t1.09470\t1.09400\t1.09460\t745\t0\t2\n"
)
METATRADER5_DAILY = (
    "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    "2024.01.04\t1.09400\t1.09450\t1.09380\t1.09420\t812\t0\t3\n"
    "2024.01.05\t1.09420\t1.09470\t1.09400\t1.09460\t745\t0\t2\n"
)
HISTDATA = (
    "20240105 140000;1.094000;1.094500;1.093800;1.094200;0\n20240105 140100;1.094200;1.094700;1.094000;1.094600;0\n"
)
METASTOCK = (
    "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
    "EURUSD,20240105,093000,1.094,1.095,1.093,1.094,4\nEURUSD,20240105,093100,1.094,1.095,1.093,1.094,4\n"
)
DUKASCOPY = (
    "Gmt time,Open,High,Low,Close,Volume\n"
    "05.01.2024 14:00:00.000,1.094,1.0945,1.0938,1.0942,1234.5\n"
    "05.01.2024 14:01:00.000,1.0942,1.0947,1.0940,1.0946,987.25\n"
)
DUKASCOPY_DAILY = (
    "Gmt time,Open,High,Low,Close,Volume\n"
    "04.01.2024 00:00:00.000,1.094,1.0945,1.0938,1.0942,1234.5\n"
    "05.01.2024 00:00:00.000,1.0942,1.0947,1.0940,1.0946,987.25\n"
)
DUKASCOPY_LOCAL = (
    "Local time,Open,High,Low,Close,Volume\n"
    "05.01.2024 15:00:00.000 GMT+0100,1.094,1.0945,1.0938,1.0942,1234.5\n"
    "05.01.2024 15:01:00.000 GMT+0100,1.0942,1.0947,1.0940,1.0946,987.25\n"
)
JFOREX = (
    "Time (UTC),Open,High,Low,Close,Volume \n"
    "2024.01.05 14:00:00,1.094,1.0945,1.0938,1.0942,1234.5\n2024.01.05 15:00:00,1.0942,1.0947,1.0940,1.0946,987.25\n"
)
STOOQ = (
    "Date,Open,High,Low,Close,Volume\n"
    "2024-01-02,187.15,188.44,183.89,185.64,82488700\n2024-01-03,184.22,185.88,183.43,184.25,58414500\n"
)
STOOQ_POLISH = (
    "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n"
    "2024-01-02,187.15,188.44,183.89,185.64,82488700\n2024-01-03,184.22,185.88,183.43,184.25,58414500\n"
)
STOOQ_DATABASE = (
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    "AAPL.US,D,20240102,000000,187.15,188.44,183.89,185.64,82488700,0\n"
    "AAPL.US,D,20240103,000000,184.22,185.88,183.43,184.25,58414500,0\n"
)
STOOQ_HOURLY = (
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    "EURUSD,60,20240105,90000,1.094,1.095,1.093,1.094,0,0\nEURUSD,60,20240105,100000,1.094,1.095,1.093,1.094,0,0\n"
)
KRAKEN = (
    "1704463200,43500.1,43550.0,43480.2,43520.0,12.5,320\n1704466800,43520.0,43600.0,43510.0,43590.9,10.25,280\n"
    "1704470400,43590.9,43600.0,43510.0,43590.9,10.25,280\n"
)
KRAKEN_DAILY = (
    "1704067200,43500.1,43550.0,43480.2,43520.0,12.5,320\n1704153600,43520.0,43600.0,43510.0,43590.9,10.25,280\n"
)
ALPHA_VANTAGE = (
    "timestamp,open,high,low,close,volume\n"
    "2024-01-05 19:55:00,160.1,160.2,160.0,160.1,100\n"
    "2024-01-05 19:50:00,160.0,160.2,159.9,160.1,120\n"
    "2024-01-05 19:45:00,159.9,160.1,159.8,160.0,90\n"
)
ALPHA_VANTAGE_ADJUSTED = (
    "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
    "2024-01-05,181.99,182.76,180.17,181.18,180.49,62303300,0.0000,1.0\n"
    "2024-01-04,182.15,183.09,180.88,181.91,181.22,71983600,0.0000,1.0\n"
)
ALPHA_VANTAGE_MONTHLY = (
    "timestamp,open,high,low,close,volume\n2024-03-28,1,2,1,2,30\n2024-02-29,1,2,1,2,20\n2024-01-31,1,2,1,2,10\n"
)
CRYPTODATADOWNLOAD = (
    "https://www.CryptoDataDownload.com\n"
    "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT\n"
    "1704466800,2024-01-05 15:00:00,BTC/USDT,43520,43600,43510,43590,10,435900\n"
    "1704463200,2024-01-05 14:00:00,BTC/USDT,43500,43550,43480,43520,12,522000\n"
)
PANDAS = ",close,open,high,low\n2024-01-05 14:00:00+00:00,2,1,2,1\n2024-01-05 15:00:00+00:00,2,1,2,1\n"
POLYGON = "v,vw,o,c,h,l,t,n\n10,1.5,1,2,2,1,1704463200000,5\n11,1.5,1,2,2,1,1704466800000,5\n"
GERMAN = (
    "Datum;Zeit;Erster;Hoch;Tief;Schlusskurs;Volumen\n"
    "05.01.2024;14:00;1.234,50;1.240,00;1.230,25;1.236,75;1.200\n"
    "05.01.2024;15:00;1.236,75;1.240,00;1.230,25;1.238,00;900\n"
)
SEMICOLON = (
    "Timestamp;Open;High;Low;Close\n2024-01-05 14:00;1,0940;1,0945;1,0938;1,0942\n"
    "2024-01-05 14:30;1,0942;1,0947;1,0940;1,0946\n"
)
SEPARATE = "date,time,open,high,low,close\n2024-01-05,09:30,1,2,1,2\n2024-01-05,09:35,1,2,1,2\n"
EXCEL = "sep=;\ntimestamp;open;high;low;close\n2024-01-05T14:00Z;1;2;1;2\n2024-01-05T15:00Z;1;2;1;2\n"
NASDAQ = (
    "Date,Close/Last,Volume,Open,High,Low\n"
    "01/31/2024,$184.40,55467800,$187.04,$187.09,$184.35\n01/30/2024,$188.04,55859370,$190.94,$191.80,$187.47\n"
)
ALPHA_VANTAGE_CRYPTO = (
    "timestamp,open (USD),high (USD),low (USD),close (USD),volume\n2024-01-06,1,2,1,2,9\n2024-01-05,1,2,1,2,8\n"
)
MONTH_NAMES = 'Date,Open,High,Low,Close\n"Jan 5, 2024",1,2,1,2\n"Jan 4, 2024",1,2,1,2\n'
INVESTING = (
    "Date,Price,Open,High,Low,Vol.,Change %\n"
    '01/30/2024,"42,952.0","43,302.3","43,838.5","42,700.0","47.24K",-0.81%\n'
    '01/29/2024,"43,302.7","42,030.5","43,323.0","41,808.5","50.89K",3.03%\n'
)
COMMENTED = (
    "# source, exchange, unit, made by\ntime (New York),open,high,low,close\n"
    "2024-01-05 09:30,1,2,1,2\n2024-01-05 09:31,1,2,1,2\n"
)
JOINED = "timestamp,open,high,low,close\n1704463200,1,2,1,2\ntimestamp,open,high,low,close\n1704466800,1,2,1,2\n"
AMERICAN = (
    "Timestamp,Open,High,Low,Close\n1/5/2024 9:30 AM,1,2,1,2\n1/31/2024 1:30 PM,1,2,1,2\n1/31/2024 1:35 PM,1,2,1,2\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A file, the options it needs, and what is read of it."""

    text: str
    form: str
    interval: str
    first: str
    bars: int = 2
    volume: str | None = None
    timezone: str | None = None
    calendar: str | None = None


def _example(text: str, form: str, interval: str, first: str, **more: object) -> Example:
    return Example(text=text, form=form, interval=interval, first=first, **more)  # type: ignore[arg-type]


NEW_YORK = "America/New_York"
EXAMPLES = {
    "tradingview": _example(TRADINGVIEW, "tradingview", "1h", "2024-01-05T14:20:00Z", bars=3, volume="1200"),
    "tradingview iso": _example(TRADINGVIEW_ISO, "tradingview", "1h", "2024-01-05T14:30:00Z", bars=3, volume="1200"),
    "tradingview daily": _example(TRADINGVIEW_DAILY, "tradingview", "1d", "2024-01-02T14:30:00Z", bars=4),
    "yahoo": _example(YAHOO, "yahoo", "1d", "2024-01-02T14:30:00Z", bars=3, volume="82488700", calendar="XNYS"),
    "yahoo by zone": _example(
        YAHOO, "yahoo", "1d", "2024-01-02T05:00:00Z", bars=3, volume="82488700", timezone=NEW_YORK
    ),
    "yahoo crypto": _example(YAHOO, "yahoo", "1d", "2024-01-02T00:00:00Z", bars=3, volume="82488700", calendar="24/7"),
    "yfinance": _example(YFINANCE, "stooq", "1d", "2024-01-02T14:30:00Z", volume="82488700", calendar="NASDAQ"),
    "yfinance intraday": _example(YFINANCE_INTRADAY, "by_name", "5m", "2024-01-05T14:30:00Z", volume="10"),
    "binance": _example(BINANCE, "binance", "1m", "2024-01-01T00:00:00Z", bars=3, volume="35.92"),
    "binance microseconds": _example(BINANCE_MICROSECONDS, "binance", "1m", "2025-01-01T00:00:00Z", volume="8.2"),
    "binance futures": _example(BINANCE_FUTURES, "binance", "1h", "2024-01-01T00:00:00Z", volume="35.92"),
    "binance daily": _example(BINANCE_DAILY, "binance", "1d", "2024-01-01T00:00:00Z", volume="35.92"),
    "metatrader 4": _example(
        METATRADER4, "metatrader4", "1m", "2011-12-08T16:49:00Z", bars=3, volume="30", timezone="Etc/GMT-2"
    ),
    "metatrader 5": _example(
        METATRADER5, "metatrader5", "15m", "2024-01-05T12:00:00Z", volume="812", timezone="Europe/Athens"
    ),
    "metatrader 5 daily": _example(
        METATRADER5_DAILY, "metatrader5", "1d", "2024-01-03T22:00:00Z", volume="812", timezone="Europe/Athens"
    ),
    "metatrader 5 headless": _example(
        METATRADER5.partition("\n")[2], "metatrader5", "15m", "2024-01-05T14:00:00Z", volume="812", timezone="UTC"
    ),
    "histdata": _example(HISTDATA, "histdata", "1m", "2024-01-05T19:00:00Z", volume="0", timezone="Etc/GMT+5"),
    "metastock": _example(METASTOCK, "metastock", "1m", "2024-01-05T09:30:00Z", volume="4", timezone="UTC"),
    "dukascopy": _example(DUKASCOPY, "dukascopy", "1m", "2024-01-05T14:00:00Z", volume="1234.5"),
    "dukascopy daily": _example(DUKASCOPY_DAILY, "dukascopy", "1d", "2024-01-04T00:00:00Z", volume="1234.5"),
    "dukascopy local": _example(DUKASCOPY_LOCAL, "dukascopy", "1m", "2024-01-05T14:00:00Z", volume="1234.5"),
    "jforex": _example(JFOREX, "by_name", "1h", "2024-01-05T14:00:00Z", volume="1234.5"),
    "stooq": _example(STOOQ, "stooq", "1d", "2024-01-02T14:30:00Z", volume="82488700", calendar="XNYS"),
    "stooq polish": _example(STOOQ_POLISH, "stooq", "1d", "2024-01-02T14:30:00Z", volume="82488700", calendar="XNYS"),
    "stooq database": _example(
        STOOQ_DATABASE, "stooq", "1d", "2024-01-02T14:30:00Z", volume="82488700", calendar="XNYS"
    ),
    "stooq hourly": _example(STOOQ_HOURLY, "stooq", "1h", "2024-01-05T08:00:00Z", volume="0", timezone="Europe/Warsaw"),
    "kraken": _example(KRAKEN, "kraken", "1h", "2024-01-05T14:00:00Z", bars=3, volume="12.5"),
    "kraken daily": _example(KRAKEN_DAILY, "kraken", "1d", "2024-01-01T00:00:00Z", volume="12.5"),
    "alpha vantage": _example(
        ALPHA_VANTAGE, "alpha_vantage", "5m", "2024-01-06T00:45:00Z", bars=3, volume="90", timezone=NEW_YORK
    ),
    "alpha vantage adjusted": _example(
        ALPHA_VANTAGE_ADJUSTED, "alpha_vantage", "1d", "2024-01-04T14:30:00Z", volume="71983600", calendar="XNYS"
    ),
    "alpha vantage monthly": _example(
        ALPHA_VANTAGE_MONTHLY, "alpha_vantage", "1mo", "2024-01-02T14:30:00Z", bars=3, volume="10", calendar="XNYS"
    ),
    "cryptodatadownload": _example(CRYPTODATADOWNLOAD, "cryptodatadownload", "1h", "2024-01-05T14:00:00Z", volume="12"),
    "pandas": _example(PANDAS, "by_name", "1h", "2024-01-05T14:00:00Z"),
    "polygon": _example(POLYGON, "by_name", "1h", "2024-01-05T14:00:00Z", volume="10"),
    "german": _example(GERMAN, "by_name", "1h", "2024-01-05T13:00:00Z", volume="1200", timezone="Europe/Berlin"),
    "semicolon": _example(SEMICOLON, "plain", "30m", "2024-01-05T14:00:00Z"),
    "separate": _example(SEPARATE, "by_name", "5m", "2024-01-05T14:30:00Z", timezone=NEW_YORK),
    "excel": _example(EXCEL, "plain", "1h", "2024-01-05T14:00:00Z"),
    "nasdaq": _example(NASDAQ, "by_name", "1d", "2024-01-30T14:30:00Z", volume="55859370", calendar="NASDAQ"),
    "alpha vantage crypto": _example(
        ALPHA_VANTAGE_CRYPTO, "alpha_vantage", "1d", "2024-01-05T00:00:00Z", volume="8", calendar="24/7"
    ),
    "month names": _example(MONTH_NAMES, "stooq", "1d", "2024-01-04T14:30:00Z", calendar="XNYS"),
    "investing": _example(INVESTING, "by_name", "1d", "2024-01-29T00:00:00Z", volume="50890.00", calendar="24/7"),
    "commented": _example(COMMENTED, "by_name", "1m", "2024-01-05T14:30:00Z", timezone=NEW_YORK),
    "joined": _example(JOINED, "plain", "1h", "2024-01-05T14:00:00Z"),
    "american": _example(AMERICAN, "plain", "5m", "2024-01-05T09:30:00Z", bars=3),
}
