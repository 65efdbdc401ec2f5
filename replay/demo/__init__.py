"""The demo's parts: real market history, and the alerts that simple public strategies would have sent on it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# Contracts and currencies are traded with less capital than they are worth.
MAX_LEVERAGE = Decimal(10)
# Engine B is one of the demo's own, in this folder.
ENGINE_A, ENGINE_B = "rules", "patient_engine:patient"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPart:
    """Bars and alerts that are replayed in a book of their own; `symbol` as in `SYMBOL[:side]=FILE`."""

    title: str
    symbol: str
    bars: Path
    alerts: Path

    @property
    def bars_spec(self) -> str:
        """The bars as `replay --bars` takes them."""
        return f"{self.symbol}={self.bars}"


FUTURE = DemoPart(
    title="Two days of the E-mini S&P 500 future: bars of a minute, alerts at the second of the break",
    symbol="CME_MINI:ES1!",
    bars=FOLDER / "es-1m-2013-09.csv.gz",
    alerts=FOLDER / "alerts-es.csv",
)
CURRENCY = DemoPart(
    title="Half a year of EURUSD: hourly bars, alerts at the close of a bar",
    symbol="EURUSD:ask",
    bars=FOLDER / "eurusd-1h-ask-2017.csv.gz",
    alerts=FOLDER / "alerts-eurusd.csv",
)
# In the order in which they are replayed; the report that is asked for afterwards is of the last one.
PARTS = (FUTURE, CURRENCY)
