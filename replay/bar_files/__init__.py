"""Bar files of any usual form: `SYMBOL[:bid|:ask|:mid]=FILE`, one row per bar, stamped at the bar's open.

`layout` finds delimiter, header and columns; `forms` names the form, which says what its times mean; `scan` checks
each row; `placement` puts the rows in time and leaves out those off the grid; `reader` inspects and reads a file.
"""

from __future__ import annotations

from replay.bar_files.description import describe, format_lines
from replay.bar_files.reader import Assumptions, BarFile, inspect_bar_file, inspect_bar_files, read_bars
from replay.bar_files.spec import (
    BarSpec,
    BarSpecInvalid,
    ReadingOptions,
    parse_options,
    parse_spec,
    parse_specs,
    spec_of_file,
)

HEADER = "timestamp,open,high,low,close"
HEADER_WITH_VOLUME = f"{HEADER},volume"

__all__ = [
    "HEADER",
    "HEADER_WITH_VOLUME",
    "Assumptions",
    "BarFile",
    "BarSpec",
    "BarSpecInvalid",
    "ReadingOptions",
    "describe",
    "format_lines",
    "inspect_bar_file",
    "inspect_bar_files",
    "parse_options",
    "parse_spec",
    "parse_specs",
    "read_bars",
    "spec_of_file",
]
