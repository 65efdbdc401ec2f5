from __future__ import annotations

import io
import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from alerts.vocabulary import symbols
from app.console.report import describe_age
from domain.comparison.record import StudyRecord
from domain.decision import Verdict
from domain.signal import Direction
from reporting import charts, document, formatting, page, text
from tests.support.builders.study_records import MONDAY, NO_TRADE, a_record, a_side, an_ending, an_entry

ENGINE_KEYS = {"decisions", "trades", "wins", "win_rate", "total_pnl", "average_pnl", "sharpe", "max_drawdown"} | {
    "max_drawdown_closed"
}
DIFFERENCE_KEYS = {"estimate", "ci_low", "ci_high", "alpha", "e_value", "p_anytime", "blocks", "pairs", "method"}


def a_study(count: int = 40) -> StudyRecord:
    """Make a study in which each kind of pair occurs, long and short, with gains and losses."""
    entries = []
    for number in range(count):
        at = MONDAY + timedelta(hours=9 * number)
        closed = at + timedelta(hours=5)
        side = Direction.LONG if number % 2 else Direction.SHORT
        gain_a, gain_b = (number * 37 % 11 - 5) * 20, (number * 53 % 13 - 6) * 25
        a = a_side(an_ending(gain_a, closed=closed, reason="stop"), direction=side, real=an_ending(gain_a))
        b = a_side(an_ending(gain_b, closed=closed, reason="target"), direction=side)
        held = a_side()
        sides = [(a, b), (a, held), (held, b), (held, held)][number % 4]
        entries.append(an_entry(*sides, number=number, at=at))
    return a_record(entries)


def printed(record: StudyRecord) -> str:
    out = io.StringIO()
    text.print_report(document.build_report(record), file=out)
    return out.getvalue()


def test_the_document_has_the_promised_keys() -> None:
    built = document.build_report(a_study())

    assert {"study", "book", "engines", "difference", "verdict", "health", "execution_gap"} <= set(built)
    assert set(built["engines"]) == {"A", "B"}
    assert all(set(engine) == ENGINE_KEYS for engine in built["engines"].values())
    assert set(built["difference"]) >= DIFFERENCE_KEYS
    assert set(built["health"]) == {"srm_p", "hash_mismatches", "context_mismatches", "unresolved", "price_jumps"}
    assert built["verdict"]["status"] == "NOT_YET"


def test_the_costs_of_the_kinds_and_venues_that_were_traded_are_in_the_document_and_printed() -> None:
    instruments = map(symbols.parse, ("KRAKEN:BTCUSD", "BTCUSDT.P", "NOWHERE:ETHUSDT.P"))
    record = replace(a_study(), instruments=frozenset(instruments), fill_model="fm2+costs1")

    built = document.build_report(record)

    assert [(row["instrument_kind"], row["venue"], row["fee_bps"]) for row in built["cost_rows"]] == [
        ("perp", "", "5"),
        ("spot", "kraken", "40"),
    ]
    assert built["costs"] == "costs1"
    for shown in (printed(record), page.render_report(built, [])):
        assert "spot at kraken: spread 1, slippage 0.5, fee 40" in shown
        assert "perp: spread 1, slippage 0.5, fee 5, funding 1 long and -1 short in 8 h" in shown
    assert document.build_report(replace(record, fill_model="fm2"))["cost_rows"] == []


def test_money_is_text_and_ratios_are_numbers() -> None:
    engine = document.build_report(a_study())["engines"]["A"]

    assert isinstance(engine["total_pnl"], str)
    assert Decimal(engine["total_pnl"]) == Decimal(engine["average_pnl"]) * engine["trades"]
    assert isinstance(engine["win_rate"], float)
    assert isinstance(engine["max_drawdown"], float)


def test_the_interval_is_named_for_what_it_is() -> None:
    difference = document.build_report(a_study())["difference"]

    assert difference["method"] == "naive_t_one_look"
    assert difference["label"] == "valid for one look only"
    assert difference["e_value"] is None
    assert difference["p_anytime"] is None
    assert difference["ci_low"] < difference["estimate"] < difference["ci_high"]


def test_a_study_without_signals_has_nulls_where_nothing_is_known() -> None:
    built = document.build_report(a_record())

    assert built["engines"]["A"]["win_rate"] is None
    assert built["engines"]["A"]["average_pnl"] is None
    assert built["engines"]["A"]["sharpe"] is None
    assert built["engines"]["A"]["total_pnl"] == "0"
    assert built["difference"]["estimate"] is None
    assert built["execution_gap"] is None
    assert built["span"] is None
    assert json.loads(json.dumps(built, allow_nan=False)) == built


def test_the_document_does_not_depend_on_the_order_in_which_trades_are_found() -> None:
    record = a_study()
    shuffled = list(record.entries)
    random.Random(7).shuffle(shuffled)

    first, second = document.build_report(record), document.build_report(a_record(shuffled))

    # The balance of assignments is a matter of their order.
    for built in (first, second):
        del built["health"]["srm_p"]
    assert json.dumps(first) == json.dumps(second)


def test_the_gap_between_real_and_model_is_a_number_and_told_by_engine() -> None:
    built = document.build_report(a_study())

    assert built["execution_gap"] == 0.0
    assert built["execution_gaps"] == {"A": {"mean": 0.0, "trades": 20}, "B": {"mean": None, "trades": 0}}


def test_the_other_clock_stands_beside_the_studys_own() -> None:
    entry = an_entry(a_side(an_ending(10), own=an_ending(30)), a_side(an_ending(20), own=an_ending(70)))

    built = document.build_report(a_record([entry]))

    assert built["difference"]["estimate"] == 0.0001
    assert built["other_clock"]["exit_clock"] == "own"
    assert built["other_clock"]["difference"]["estimate"] == 0.0004
    assert built["other_clock"]["engines"]["B"]["total_pnl"] == "70"


def test_the_terminal_shows_every_part_of_the_report() -> None:
    out = printed(a_study())
    difference = document.build_report(a_study())["difference"]

    for part in ("engine A", "engine B", "win rate", "only A", "only B", "Why trades ended", "Health", "NOT YET"):
        assert part in out
    assert formatting.format_bps(difference["estimate"]) in out
    assert formatting.format_bps(difference["ci_low"]) in out
    assert "valid for one look only" in out
    assert "Not known yet" in out


def test_the_report_says_why_engines_stayed_out_by_engine_with_counts() -> None:
    blocked = replace(a_side(), verdict=Verdict.REJECT, reasons=("spread_above_limit", "volume_low"))
    denied = replace(a_side(replace(NO_TRADE, exit_reason="no_quote")), verdict=Verdict.ENTER)
    entries = [an_entry(blocked, a_side(), number=1), an_entry(blocked, denied, number=2)]

    record = a_record(entries)

    assert document.build_report(record)["stayed_out"] == {
        "A": {"reject: spread_above_limit": 2},
        "B": {"denied: no_quote": 1, "hold: no reason given": 1},
    }
    assert re.search(r"reject: spread above limit +2 +0", printed(record))


@pytest.mark.parametrize(
    ("waiting", "mark", "text"),
    [(5, "ok", "entries that waited for the open of the next bar: 5.0 %"), (6, "look", "6.0 %; finer bars")],
)
def test_entries_that_waited_for_the_next_bar_are_told_and_many_are_a_fault(waiting: int, mark: str, text: str) -> None:
    record = replace(a_record([an_entry()]), entry_bases={"open": 100 - waiting, "next_open": waiting})

    out = printed(record)

    (line,) = (line for line in out.splitlines() if "waited for the open" in line)
    assert line.strip().startswith(mark)
    assert text in line
    assert f"open of a bar {100 - waiting}.0 %, open of the next bar {waiting}.0 %" in out


@pytest.mark.parametrize("count", [0, 1, 40])
def test_the_report_fits_a_hundred_columns(count: int) -> None:
    assert max(len(line.rstrip()) for line in printed(a_study(count)).splitlines()) <= 100


def test_a_name_from_outside_cannot_steer_the_terminal() -> None:
    record = a_study()
    hostile = a_side(an_ending(1, reason="\x1b[2Jbold[red]"))

    out = printed(a_record([*record.entries, an_entry(hostile, number=99)]))

    assert "\x1b" not in out
    assert "bold[red]" in out


@pytest.mark.parametrize(
    ("write", "value", "expected"),
    [
        (formatting.format_money, "-1234567.891", "−1,234,567.89"),
        (formatting.format_money, None, "–"),
        (formatting.format_percent, 0.125, "12.5 %"),
        (formatting.format_bps, -0.00012345, "−1.23 bps"),
        (formatting.format_bps, 0.0, "0.00 bps"),
        (formatting.format_bps, 0.001, "+10.00 bps"),
        (formatting.format_p_value, 0.00001, "< 0.0001"),
        (formatting.format_number, -0.5, "−0.50"),
        (formatting.replace_unprintable, "a\x1b[0m\nb", "a�[0m�b"),
    ],
)
def test_figures_are_written_for_people(write: object, value: object, expected: str) -> None:
    assert callable(write)
    assert write(value) == expected


class Tags(HTMLParser):
    """Collects the tags, their attributes and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]


def test_the_page_needs_neither_script_nor_inline_style() -> None:
    record = a_study()

    html = page.render_report(document.build_report(record), charts.build_charts(record), stylesheet_url="/report.css")

    found = Tags(html)
    assert not {"script", "style"} & {tag for tag, _ in found.tags}
    assert not any(name == "style" or name.startswith("on") for _, attrs in found.tags for name in attrs)
    assert ("link", {"rel": "stylesheet", "href": "/report.css"}) in found.tags


def test_the_file_stands_alone() -> None:
    record = a_study()

    html = page.render_report(document.build_report(record), charts.build_charts(record))

    found = Tags(html)
    assert "prefers-color-scheme: dark" in html
    assert not [attrs for _, attrs in found.tags if attrs.get("src") or attrs.get("href", "#")[:1] != "#"]  # type: ignore[index]


def test_the_page_can_be_read_by_ear() -> None:
    record = a_study()

    found = Tags(page.render_report(document.build_report(record), charts.build_charts(record)))

    headers = [attrs for tag, attrs in found.tags if tag == "th"]
    drawings = [attrs for tag, attrs in found.tags if tag == "svg"]
    assert all(attrs.get("scope") in ("row", "col") for attrs in headers)
    assert len(drawings) == 2
    for attrs in drawings:
        assert attrs["role"] == "img"
        assert set((attrs["aria-labelledby"] or "").split()) <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_the_page_shows_the_figures_and_their_label() -> None:
    record = a_study()
    built = document.build_report(record)

    html = page.render_report(built, charts.build_charts(record), age="The newest signal was stored 3 hours ago.")

    assert formatting.format_bps(built["difference"]["estimate"]) in html
    assert "not valid when peeking" in html
    assert "valid for one look only" in html
    assert "3 hours ago" in html


def test_text_from_outside_is_escaped_on_the_page() -> None:
    entry = an_entry(a_side(an_ending(1, reason="<img src=x onerror=alert(1)>")))

    html = page.render_report(document.build_report(a_record([entry])), [])

    assert "<img" not in html
    assert "&lt;img" in html


def test_an_empty_study_is_a_page_without_charts() -> None:
    html = page.render_report(document.build_report(a_record()), charts.build_charts(a_record()))

    assert "<svg" not in html
    assert "no trade has closed yet" in html


def test_a_chart_stays_within_its_frame() -> None:
    for chart in charts.build_charts(a_study(120)):
        shapes = [line.points for line in chart.lines] + ([chart.band] if chart.band else [])
        points = [tuple(map(float, point.split(","))) for shape in shapes for point in shape.split()]

        assert points
        assert all(chart.left <= x <= chart.right and chart.top <= y <= chart.bottom for x, y in points)
        assert all(chart.left <= tick.at <= chart.right for tick in chart.x_ticks)
        assert len(chart.y_ticks) >= 2


def test_the_pnl_line_ends_at_the_total() -> None:
    chart = charts.build_pnl_chart(a_study())
    engines = document.build_report(a_study())["engines"]

    assert chart is not None
    assert formatting.format_money(engines["A"]["total_pnl"]) in chart.description
    assert formatting.format_money(engines["B"]["total_pnl"]) in chart.description


def test_names_at_the_ends_of_lines_do_not_cover_each_other() -> None:
    entry = an_entry(a_side(an_ending(100)), a_side(an_ending(100)))

    chart = charts.build_pnl_chart(a_record([entry]))

    assert chart is not None
    first, second = (line.end[1] for line in chart.lines)
    assert abs(first - second) >= 12


def test_many_trades_are_thinned_and_the_last_is_kept() -> None:
    chart = charts.build_difference_chart(a_study(3000))

    assert chart is not None
    assert len(chart.lines[0].points.split()) <= 502
    assert chart.lines[0].points.split()[-1].startswith(f"{chart.right:.1f},")


@pytest.mark.parametrize(
    ("age", "words"),
    [(30, "less than a minute ago"), (60, "1 minute ago"), (7_300, "2 hours ago"), (200_000, "2 days ago")],
)
def test_the_age_of_the_data_is_told(age: int, words: str) -> None:
    stored_at = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)

    told = describe_age(stored_at, now=stored_at + timedelta(seconds=age))

    assert words in told
    assert re.search(r"2026-01-05 14:30 UTC", told)
