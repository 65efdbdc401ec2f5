"""Symbols of logged alerts: those that stand only in the log's Ticker, and whether any bars are about them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from alerts.understand import UnreadableAlert, understand
from domain.intervals import Interval
from domain.signal import Instrument, NewSignal, Source
from replay.alert_files import LoggedAlert
from replay.bar_files import BarFile

_SYMBOL_NAMES = ("ticker", "symbol")
_NAMED = 3


class BarsUnfit(ValueError):
    """The alerts are about other instruments than the bars."""


def add_missing_symbols(alerts: Sequence[LoggedAlert], settings: Source) -> tuple[LoggedAlert, ...]:
    """Return the alerts, those whose message names no symbol with that of the log's Ticker added to it.

    It is added only where the message can be read with it, and not without.
    """
    return tuple(_add_missing_symbol(alert, settings) for alert in alerts)


def check_bars_fit(alerts: Sequence[LoggedAlert], files: Sequence[BarFile], settings: Source) -> Counter[str]:
    """Count the alerts of which there are no bars, by instrument.

    Raises:
        BarsUnfit: when there are bars of no alert that can be read; the message names the symbols of both.
    """
    instruments = [(alert.line, signal.instrument) for alert in alerts for signal in read_signals(alert, settings)]
    unfit = [(line, instrument) for line, instrument in instruments if not has_bars(instrument, files)]
    if instruments and len(unfit) == len(instruments):
        raise BarsUnfit(_describe_misfit(unfit, files))
    return Counter(_format_instrument(instrument) for _, instrument in unfit)


def _add_missing_symbol(alert: LoggedAlert, settings: Source) -> LoggedAlert:
    if not alert.ticker or _is_readable(alert, settings):
        return alert
    bodies = (replace(alert, body=body) for body in _bodies_with_symbol(alert.body.decode(), alert.ticker))
    return next((completed for completed in bodies if _is_readable(completed, settings)), alert)


def _bodies_with_symbol(message: str, ticker: str) -> Iterator[bytes]:
    """Yield the message with the symbol in each of the ways in which messages of its form may name it."""
    text = message.strip()
    if text.startswith("{"):
        rest = text[1:].lstrip()
        separator = "" if rest.startswith("}") else ", "
        for name in _SYMBOL_NAMES:
            yield f"{{{json.dumps(name)}: {json.dumps(ticker)}{separator}{rest}".encode()
    elif text:
        yield f"{text} {ticker}".encode()
        yield f"{ticker} {text}".encode()
        yield f"{text}\nsymbol: {ticker}".encode()
        yield f"{text};symbol={ticker}".encode()


def _is_readable(alert: LoggedAlert, settings: Source) -> bool:
    return not any(isinstance(result, UnreadableAlert) for result in understand(alert.body, settings))


def read_signals(alert: LoggedAlert, settings: Source) -> Iterator[NewSignal]:
    """Yield the signals of an alert that can be read, as the replay's webhook will read them; no test messages."""
    for result in understand(alert.body, settings):
        if isinstance(result, NewSignal) and not result.is_test:
            yield result


def list_intervals(alerts: Sequence[LoggedAlert], settings: Source) -> frozenset[Interval]:
    """Return the intervals of the alerts that can be read."""
    signals = (signal for alert in alerts for signal in read_signals(alert, settings))
    return frozenset(signal.timeframe for signal in signals if signal.timeframe is not None)


def has_bars(instrument: Instrument, files: Sequence[BarFile]) -> bool:
    """Return whether a file has bars of the instrument; bars without an exchange are of any."""
    return any(
        file.spec.instrument == instrument
        or (file.spec.instrument.symbol == instrument.symbol and not file.spec.instrument.exchange)
        for file in files
    )


def _describe_misfit(unfit: Sequence[tuple[int, Instrument]], files: Sequence[BarFile]) -> str:
    line, first = unfit[0]
    of_bars = ", ".join(dict.fromkeys(_format_instrument(file.spec.instrument) for file in files))
    of_alerts = ", ".join(list(dict.fromkeys(_format_instrument(instrument) for _, instrument in unfit))[:_NAMED])
    return (
        f"the bars are of {of_bars}, the alerts of {of_alerts} (the first on line {line}): name the bars as the alerts"
        f" do, {first.symbol}=FILE, or read the alerts' symbol as that of the bars with --symbol"
        f" {first.symbol}={files[0].spec.instrument.symbol}"
    )


def _format_instrument(instrument: Instrument) -> str:
    exchange = f"{instrument.exchange}:" if instrument.exchange else ""
    return f"{exchange}{instrument.symbol} ({instrument.kind.value})"
