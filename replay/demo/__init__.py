"""The demo's data: a year of real market history, and the alerts a simple public strategy would have sent."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent

BARS = _HERE / "eurusd-1h-ask-2017.csv.gz"
ALERTS = _HERE / "alerts.csv"
BARS_SPEC = f"EURUSD:ask={BARS}"
