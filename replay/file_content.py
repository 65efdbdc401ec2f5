"""Content of a text file that may be compressed: gzip, zip with one table in it, UTF-8 or UTF-16."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import cast

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TABLES = frozenset({".csv", ".tsv", ".txt", ".prn"})
_FIRST_BYTES = 4


class FileInvalid(ValueError):
    """A file cannot be used as it is; the message names the file, the line, the field and what would be right."""

    def __init__(self, path: Path, problem: str, *, line: int | None = None, field: str | None = None) -> None:
        where = [str(path), *([f"line {line}"] if line else []), *([field] if field else [])]
        super().__init__(f"{', '.join(where)}: {problem}")
        self.path, self.line, self.field = path, line, field


class FileContent:
    """The lines of a file, after decompression and decoding, as a stream.

    Iterate `lines` once. `digest` is the SHA-256 of what was read after decompression, so that a file and its
    compressed copy have the same; it covers the whole file once the iteration has ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hash = hashlib.sha256()
        self._line = 0

    @property
    def digest(self) -> str:
        """SHA-256 in hex of the decompressed bytes read so far."""
        return self._hash.hexdigest()

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends.

        Raises:
            FileInvalid: when the file is missing, cannot be decompressed, or is neither UTF-8 nor UTF-16 text.
        """
        try:
            with _open_decompressed(self.path) as stream:
                text = io.TextIOWrapper(
                    io.BufferedReader(_HashingReader(stream, self._hash)), _detect_encoding(stream), newline=""
                )
                for self._line, line in enumerate(text, start=1):
                    yield line
        except FileNotFoundError:
            raise FileInvalid(self.path, "there is no such file") from None
        except UnicodeDecodeError:
            raise FileInvalid(self.path, "is not UTF-8 text", line=self._line + 1) from None
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
            raise FileInvalid(self.path, f"cannot be read: {error}") from None


class _HashingReader(io.RawIOBase):
    """Passes bytes on and adds them to a hash."""

    def __init__(self, stream: io.BufferedReader, digest: hashlib._Hash) -> None:
        self._stream, self._digest = stream, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type] # what BufferedReader hands over
        data = self._stream.read(len(view))
        self._digest.update(data)
        view[: len(data)] = data
        return len(data)


@contextmanager
def _open_decompressed(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file at its first byte; compression is recognised by its first bytes, whatever the name says."""
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        start = raw.peek(_FIRST_BYTES)
        if start.startswith(_GZIP):
            yield io.BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=raw)))
        elif start.startswith(_ZIP):
            archive = stack.enter_context(zipfile.ZipFile(raw))
            member = stack.enter_context(archive.open(_find_table(path, archive)))
            yield io.BufferedReader(cast("io.RawIOBase", member))
        else:
            yield raw


def _find_table(path: Path, archive: zipfile.ZipFile) -> str:
    """Return the name of the one table in a zip archive; a csv counts more than the text files beside it."""
    names = [
        name
        for name in archive.namelist()
        if PurePosixPath(name).suffix.lower() in _TABLES and not name.startswith("__MACOSX")
    ]
    tables = [name for name in names if name.lower().endswith(".csv")] or names
    if len(tables) != 1:
        named = ", ".join(tables[:5]) or "no csv"
        raise FileInvalid(path, f"holds {len(tables)} tables ({named}); unpack it and name one of its files")
    return tables[0]


def _detect_encoding(stream: io.BufferedReader) -> str:
    return "utf-16" if stream.peek(2).startswith(_UTF16) else "utf-8-sig"
