"""Each form of bar files, as the program or the exchange of its name writes it."""

from __future__ import annotations

import gzip
import io
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from domain.context import Bar
from replay import bar_files
from replay.bar_files import BarFile
from replay.file_content import FileInvalid
from tests.support.builders.bar_file_examples import BINANCE, EXAMPLES, METATRADER5, Example
from tests.support.builders.replays import a_spec


def _inspect(path: Path, example: Example) -> BarFile:
    return bar_files.inspect_bar_file(a_spec(path, timezone=example.timezone, calendar=example.calendar))


def _written(tmp_path: Path, text: str, name: str = "bars.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_of_each_form_is_read(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]

    file = _inspect(_written(tmp_path, example.text), example)

    document = bar_files.describe(file)
    bars = list(bar_files.read_bars(file))
    volume = str(bars[0].volume) if bars[0].volume is not None else None
    assert (document["form"], document["interval"]) == (example.form, example.interval)
    assert (document["first"], document["bars"], len(bars)) == (example.first, example.bars, example.bars)
    assert volume == example.volume
    assert all(earlier.open_time < later.open_time for earlier, later in pairwise(bars))


NEEDS_A_ZONE = {
    "metatrader 4": "broker's server",
    "metatrader 5": "broker's server",
    "histdata": "--timezone Etc/GMT+5",
    "stooq hourly": "Stooq writes local times",
    "alpha vantage": "New York's time",
    "german": "usually local ones",
    "separate": "usually local ones",
}


@pytest.mark.parametrize("name", NEEDS_A_ZONE)
def test_local_times_need_a_time_zone_and_the_message_says_why(tmp_path: Path, name: str) -> None:
    path = _written(tmp_path, EXAMPLES[name].text)

    with pytest.raises(FileInvalid) as caught:
        bar_files.inspect_bar_file(a_spec(path))

    assert "has no time zone" in str(caught.value)
    assert NEEDS_A_ZONE[name] in str(caught.value)
    assert "--timezone" in str(caught.value)
    assert caught.value.line is not None


@pytest.mark.parametrize("name", ["yahoo", "stooq", "stooq database", "alpha vantage adjusted", "metatrader 5 daily"])
def test_bars_that_are_stamped_with_dates_need_a_calendar_or_a_time_zone(tmp_path: Path, name: str) -> None:
    path = _written(tmp_path, EXAMPLES[name].text)

    with pytest.raises(FileInvalid, match=r"bars of 1d are stamped with dates.*--calendar.*24/7.*--timezone"):
        bar_files.inspect_bar_file(a_spec(path))


def _zip_of(text: str, **others: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {"bars.csv": text, **others}.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(BINANCE.encode())),
        ("a.gz.csv", gzip.compress(BINANCE.encode())),
        ("a.zip", _zip_of(BINANCE)),
        ("b.zip", _zip_of(BINANCE, readme_txt="a status report")),
        ("a.csv", BINANCE.encode()),
    ],
)
def test_a_compressed_file_gives_the_same_bars_and_digest(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    plain = bar_files.inspect_bar_file(a_spec(_written(tmp_path, BINANCE)))

    file = bar_files.inspect_bar_file(a_spec(path))

    assert file.digest == plain.digest
    assert _bars(file) == _bars(plain)


def test_a_zip_with_several_tables_or_none_is_refused_with_their_names(tmp_path: Path) -> None:
    several, none, broken = tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "c.zip"
    several.write_bytes(_zip_of(BINANCE, more_csv=BINANCE))
    none.write_bytes(_zip_of(BINANCE)[:0] + _archive_without_table())
    broken.write_bytes(_zip_of(BINANCE)[:100])

    for path, problem in (
        (several, r"holds 2 tables \(bars.csv, more.csv\); unpack it"),
        (none, r"holds 0 tables \(no csv\)"),
        (broken, "cannot be read"),
    ):
        with pytest.raises(FileInvalid, match=problem):
            bar_files.inspect_bar_file(a_spec(path))


def test_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(METATRADER5.replace("\n", "\r\n").encode("utf-16"))

    assert bar_files.inspect_bar_file(a_spec(path, timezone="UTC")).count == 2


def _archive_without_table() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("picture.png", b"")
    return buffer.getvalue()


def _bars(file: BarFile) -> list[Bar]:
    return list(bar_files.read_bars(file))
