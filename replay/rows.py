"""Rows of csv and csv.gz files, read as a stream, with errors that name the file and the line."""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_EPOCH_SECONDS = re.compile(r"[0-9]{9,10}")
_EPOCH_MILLISECONDS = re.compile(r"[0-9]{12,13}")


class FileInvalid(ValueError):
    """A file cannot be used as it is; the message names the file, the line, the field and what would be right."""

    def __init__(self, path: Path, problem: str, *, line: int | None = None, field: str | None = None) -> None:
        where = [str(path), *([f"line {line}"] if line else []), *([field] if field else [])]
        super().__init__(f"{', '.join(where)}: {problem}")
        self.path, self.line, self.field = path, line, field


class CsvRows:
    """The data rows of one file as (line, fields), in file order; blank lines are left out.

    Iterate once. `line` is where the row ends, counted from 1; `digest` is the SHA-256 of what was read, after
    decompression, and covers the whole file once the iteration has ended.

    Raises (while iterating):
        FileInvalid: when the file cannot be read, is not UTF-8 or csv, or has another header than expected.
    """

    def __init__(self, path: Path, *, headers: Sequence[str]) -> None:
        """Expect one of `headers` (the first is the one errors recommend) as the first line of `path`."""
        self.path = path
        self.header = ""
        self._headers = headers
        self._hash = hashlib.sha256()
        self._line = 0

    @property
    def digest(self) -> str:
        """SHA-256 in hex of the decompressed bytes read so far."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        try:
            with _open_file(self.path) as handle:
                yield from self._iterate_rows(handle)
        except FileNotFoundError:
            raise FileInvalid(self.path, "there is no such file") from None
        except (OSError, EOFError, zlib.error) as error:
            raise FileInvalid(self.path, f"cannot be read: {error}") from None
        except UnicodeDecodeError:
            raise FileInvalid(self.path, "is not UTF-8 text", line=self._line) from None
        except csv.Error as error:
            raise FileInvalid(self.path, f"is not csv: {error}", line=self._line) from None

    def _iterate_rows(self, handle: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, fields) of each row below the header; raise FileInvalid for a wrong number of fields."""
        reader = csv.reader(self._iterate_lines(handle))
        self.header = self._check_header(next(reader, []))
        width = self.header.count(",") + 1
        for fields in reader:
            if len(fields) == width:
                yield reader.line_num, fields
            elif fields:
                problem = f"has {len(fields)} fields, not the {width} of the header {self.header}"
                raise FileInvalid(self.path, problem, line=reader.line_num)

    def _iterate_lines(self, handle: Iterable[bytes]) -> Iterator[str]:
        """Yield decoded lines without a byte order mark, and hash the bytes."""
        for self._line, raw in enumerate(handle, start=1):
            self._hash.update(raw)
            yield (raw.removeprefix(_BOM) if self._line == 1 else raw).decode()

    def _check_header(self, columns: list[str]) -> str:
        """Return the header; raise FileInvalid when it is none of those expected."""
        header = ",".join(columns)
        if not columns:
            raise FileInvalid(self.path, f"is empty; the first line must be {self._headers[0]}")
        if header not in self._headers:
            allowed = " or ".join(self._headers)
            raise FileInvalid(self.path, f"has the header {header[:200]}; it must be {allowed}", line=1)
        return header


def parse_time(text: str) -> datetime:
    """Read ISO 8601 (UTC when it has no offset), or Unix seconds or milliseconds, as aware UTC.

    Raises:
        ValueError: when the text is none of these.
    """
    if text.isdigit():
        return _parse_epoch(text)
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _parse_epoch(text: str) -> datetime:
    """Parse Unix seconds or milliseconds, told apart by their number of digits."""
    if _EPOCH_SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    if _EPOCH_MILLISECONDS.fullmatch(text):
        seconds, milliseconds = divmod(int(text), 1000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
    raise ValueError(f"{text!r} has the length of neither Unix seconds nor milliseconds")


def _open_file(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
