"""Convert the upstream file of EURUSD hourly ask bars to our bar format.

Usage: python -m replay.demo.make_data FOREX_EURUSD_1H_ASK.csv

The file comes with the Python package gym-anytrading 2.0.0 (see README.md beside this script). Its times are
day-first, UTC, and stamp the open of the bar. Numbers are copied as they are written; nothing is added or repaired.
The first half of the year is kept, so that the demo takes a minute; it ends on a Friday evening. The same input gives
the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from replay.bar_files import HEADER_WITH_VOLUME
from replay.demo import CURRENCY

_UPSTREAM_HEADER = ["Time", "Open", "High", "Low", "Close", "Volume"]
_ENDS = datetime(2017, 6, 30, 21, tzinfo=UTC)
_UPSTREAM_TIME = "%d.%m.%Y %H:%M:%S.%f"


def convert_upstream(upstream: str) -> str:
    """Convert the upstream csv of hourly bars to our bar format, up to the end of the demo's period.

    Raises:
        ValueError: when the header or a time is not as expected.
    """
    header, *rows = csv.reader(io.StringIO(upstream))
    if header != _UPSTREAM_HEADER:
        raise ValueError(f"the header is {header}, expected {_UPSTREAM_HEADER}")
    lines = (_format_bar(row) for row in rows if _parse_open_time(row) < _ENDS)
    return "".join(f"{line}\n" for line in (HEADER_WITH_VOLUME, *lines))


def gzip_reproducibly(text: str) -> bytes:
    """Return the text gzipped without name and time, so that the same text gives the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as handle:
        handle.write(text.encode())
    return buffer.getvalue()


def _format_bar(row: list[str]) -> str:
    return ",".join((_parse_open_time(row).strftime("%Y-%m-%dT%H:%M:%SZ"), *row[1:]))


def _parse_open_time(row: list[str]) -> datetime:
    return datetime.strptime(row[0], _UPSTREAM_TIME).replace(tzinfo=UTC)


if __name__ == "__main__":
    CURRENCY.bars.write_bytes(gzip_reproducibly(convert_upstream(Path(sys.argv[1]).read_text(encoding="utf-8"))))
