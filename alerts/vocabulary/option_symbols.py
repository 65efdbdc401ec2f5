"""Recognition of option symbols: US (OCC), Indian and crypto spellings of an underlying with a strike."""

from __future__ import annotations

import re

_MONTH = r"(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
# Each part is one spelling, in upper case and with `_` for blanks; behind it an example.
_OPTION = re.compile(
    r"[.A-Z][A-Z.\d]{0,9}_{0,6}\d{6,8}[CP]\d{1,8}(?:\.\d+)?"  # AAPL240216P00180000, NIFTY241226P24400, AAPL_021624P180
    r"|[A-Z][A-Z&\d_.\-]*[\d_\-](?:CE|PE|CALLS?|PUTS?)"  # NIFTY24DEC24400PE, BANKNIFTY24N0651000CE, SPY_500_PUT
    r"|[A-Z\d]+(?:[-_][A-Z\d]+)*[-_]\d+(?:[._]\d+|D\d+)?[-_][CP](?:[-_][A-Z]+)?"  # BTC-27DEC24-60000-P
    r"|[CP][-_][A-Z\d]+[-_]\d+(?:\.\d+)?[-_]\d{6,8}"  # P-BTC-60000-271224
    rf"|[A-Z]{{1,10}}\d{{1,2}}{_MONTH}\d{{2,4}}[CP]\d+(?:\.\d+)?"  # SPX19MAR27P5000
    r"|[A-Z]{1,6}_\d{2,6}(?:\.\d+)?[CP]"  # SPY_500P
)


def is_option(symbol: str) -> bool:
    """Return whether a symbol, in upper case, without its exchange and with `_` for blanks, is that of an option."""
    return _OPTION.fullmatch(symbol) is not None
