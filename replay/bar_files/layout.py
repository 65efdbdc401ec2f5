"""The layout of a bar file, from its first lines: delimiter, header, form, columns, decimal comma."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from replay.bar_files import columns, forms, numbers
from replay.bar_files.columns import PRICES, Columns
from replay.bar_files.forms import Form
from replay.file_content import FileContent, FileInvalid

PLAIN_HEADER = "timestamp,open,high,low,close"
_DELIMITERS = ("\t", ";", ",", "|")
_SAMPLE_LINES = 200
_FEWEST_COLUMNS = 5
_LONGEST_TITLE = 3  # fields of a line above the header: a title, an address, `sep=;`


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is laid out. `first_line` is the line of its first row, counted from 1.

    `width` is the number of fields of each row; `header` is the header as written, empty where there is none.
    """

    form: Form
    delimiter: str
    header: str
    first_line: int
    columns: Columns
    decimal_comma: bool

    @property
    def width(self) -> int:
        """Number of fields of each row."""
        return len(self.columns.names)

    def price_field(self, price: str) -> str:
        """Return the name of the column of `open`, `high`, `low` or `close`, for messages."""
        return self.columns.names[self.columns.prices[PRICES.index(price)]]

    @property
    def time_field(self) -> str:
        """Name of the column of the open time, for messages."""
        return " ".join(self.columns.names[index] for index in self.columns.time)


def detect_layout(path: Path) -> Layout:
    """Detect the layout of a file by its first lines.

    Raises:
        FileInvalid: when the file is empty, has no header and no form that is known, or lacks a column.
    """
    lines = list(islice(FileContent(path).lines(), _SAMPLE_LINES))
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise FileInvalid(path, f"is empty; the first line must be {PLAIN_HEADER}")
    delimiter = _detect_delimiter([line for _, line in rows])
    fields = [(number, _split(line, delimiter)) for number, line in rows]
    while len(fields) > 1 and _is_title(fields[0][1], fields[1][1]):
        fields.pop(0)
    if columns.are_names(fields[0][1]):
        return _build_with_header(path, fields, delimiter)
    return _build_without_header(path, fields, delimiter)


def split_rows(path: Path, lines: Iterator[str], layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of each row below the header, counted from 1; not those that are blank or the header again.

    Raises:
        FileInvalid: when the file is not csv.
    """
    reader = csv.reader(lines, delimiter=layout.delimiter)
    header = layout.header.split(layout.delimiter)
    try:
        for fields in reader:
            if reader.line_num >= layout.first_line and any(fields) and fields != header:
                yield reader.line_num, fields
    except csv.Error as error:
        raise FileInvalid(path, f"is not csv: {error}", line=reader.line_num) from None


def _build_with_header(path: Path, fields: Sequence[tuple[int, list[str]]], delimiter: str) -> Layout:
    (line, names), data = fields[0], fields[1:]
    names, data = _merge_yahoo_header(names, data)
    sample = [row for _, row in data]
    header = delimiter.join(names)
    found, missing = columns.find_columns(names, sample=sample)
    if missing:
        problem = (
            f"has the header {header[:200]}; it must be {PLAIN_HEADER} or name these columns in any order and case."
            f" Not there: {', '.join(missing)}"
        )
        raise FileInvalid(path, problem, line=line)
    return Layout(
        form=forms.recognise_by_header(names),
        delimiter=delimiter,
        header=header,
        first_line=data[0][0] if data else line + 1,
        columns=found,
        decimal_comma=_has_decimal_comma(sample, found, delimiter),
    )


def _merge_yahoo_header(
    names: list[str], data: Sequence[tuple[int, list[str]]]
) -> tuple[list[str], Sequence[tuple[int, list[str]]]]:
    """Return header and rows of what yfinance writes: a header of three lines (Price, Ticker, Date)."""
    first_names = [row[0].strip().lower() for _, row in data[:2] if row]
    if (
        names[0].strip().lower() == "price"
        and first_names[:1] == ["ticker"]
        and first_names[1:]
        in (
            ["date"],
            ["datetime"],
        )
    ):
        return [data[1][1][0], *names[1:]], data[2:]
    return names, data


def _build_without_header(path: Path, fields: Sequence[tuple[int, list[str]]], delimiter: str) -> Layout:
    line, row = fields[0]
    form = forms.recognise_by_row(row)
    if form is None:
        problem = (
            f"begins with {delimiter.join(row)[:120]!r}, which is no header, and no row of a form that has none"
            f" ({forms.known_titles()}); write a header above it, such as {PLAIN_HEADER},volume"
        )
        raise FileInvalid(path, problem, line=line)
    sample = [row for _, row in fields]
    found, _ = columns.find_columns(form.columns, sample=sample)
    return Layout(
        form=form,
        delimiter=delimiter,
        header="",
        first_line=line,
        columns=found,
        decimal_comma=_has_decimal_comma(sample, found, delimiter),
    )


def _has_decimal_comma(sample: Sequence[Sequence[str]], found: Columns, delimiter: str) -> bool:
    """Return whether prices have a decimal comma; where commas delimit columns, a comma in a field stays unclear."""
    if delimiter == ",":
        return False
    return numbers.has_decimal_comma([row[index] for row in sample for index in found.prices if index < len(row)])


def _is_title(row: Sequence[str], following: Sequence[str]) -> bool:
    """Return whether a row stands above the header: a comment, or of few fields where the next one has more."""
    is_comment = row[0].lstrip().startswith("#") and not columns.name_prices(row)
    return is_comment or len(row) <= _LONGEST_TITLE < len(following)


def _detect_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that gives most lines the same number of columns, at least five; else a comma."""
    fitting = [delimiter for delimiter in _DELIMITERS if _is_regular(lines, delimiter)]
    return fitting[0] if fitting else max(_DELIMITERS, key=lambda delimiter: (lines[0].count(delimiter), delimiter))


def _is_regular(lines: Sequence[str], delimiter: str) -> bool:
    widths = Counter(len(_split(line, delimiter)) for line in lines)
    width, count = widths.most_common(1)[0]
    return width >= _FEWEST_COLUMNS and count * 2 > len(lines)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


assert len(PRICES) < _FEWEST_COLUMNS  # noqa: S101 - a time and the prices
