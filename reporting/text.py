"""The report on a terminal, for 80 to 120 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reporting import formatting, phrases, study_costs
from reporting.phrases import CELLS, CLOCKS, ENGINES, format_confidence

STYLES = {"A": "blue", "B": "yellow"}
_NARROW, _PLAIN, _WIDE = 80, 100, 120
_ROWS = (
    ("decisions", "decisions", phrases.format_count),
    ("closed model trades", "trades", phrases.format_count),
    ("  long / short", "directions", str),
    ("wins", "wins", phrases.format_count),
    ("win rate", "win_rate", formatting.format_percent),
    ("total P&L", "total_pnl", formatting.format_money),
    ("average P&L", "average_pnl", formatting.format_money),
    ("Sharpe (daily)", "sharpe", formatting.format_number),
    ("maximum drawdown", "max_drawdown", lambda share: formatting.format_percent(share, places=2)),
    ("  on closed trades", "max_drawdown_closed", lambda share: formatting.format_percent(share, places=2)),
)


def print_report(document: Mapping[str, Any], *, file: IO[str], like: IO[str] | None = None) -> None:
    """Print the report on `file`, 80 to 120 columns wide, in the width and colours of `like` (default: of `file`)."""
    target = Console(file=like or file)
    width = min(max(target.width, _NARROW), _WIDE) if target.is_terminal else _PLAIN
    Console(file=file, highlight=False, width=width, force_terminal=target.is_terminal).print(
        build_renderable(document)
    )


def build_renderable(document: Mapping[str, Any]) -> RenderableType:
    """Build the report of `document.build_report` for a rich console."""
    return Group(
        _build_heading(document),
        _build_engine_table(document),
        _build_difference(document),
        _build_cell_table(document),
        _build_exit_table(document),
        _build_stay_out_table(document),
        _build_other_clock(document),
        _build_health(document),
        _build_verdict(document["verdict"]),
    )


def _build_heading(document: Mapping[str, Any]) -> RenderableType:
    """Build the lines about the study: its book, span, mode, exit clock, entries and engines."""
    span = document["span"]
    when = (
        f"{formatting.format_minute(span['first'])} to {formatting.format_minute(span['last'])} UTC"
        if span
        else "no data yet"
    )
    lines = [
        Text(f"\nEngine A against engine B: study {formatting.replace_unprintable(document['study'])}", style="bold"),
        Text(
            f"book {formatting.replace_unprintable(document['book'])}"
            f" ({'simulated' if document['simulated'] else 'real'} money), {when}"
        ),
        Text(f"mode {_format_modes(document['modes'])}, exits on the {CLOCKS[document['exit_clock']]}"),
        Text(f"{document['entries']} entry signals, {document['difference']['pairs']} pairs ended on both sides"),
    ]
    for engine in ENGINES:
        line = Text("engine ").append(engine, style=f"bold {STYLES[engine]}")
        lines.append(line.append(f" is {formatting.replace_unprintable(document['engine_versions'][engine])}"))
    return Group(*lines)


def _format_modes(modes: Mapping[str, int]) -> str:
    return ", ".join(f"{mode} ({count})" for mode, count in modes.items()) or formatting.NOTHING


def _build_engine_table(document: Mapping[str, Any]) -> RenderableType:
    """Build the table of each engine's figures, one row per figure."""
    table = _start_table("Model trades, same fills and costs for both", *(f"engine {engine}" for engine in ENGINES))
    for label, key, write in _ROWS:
        table.add_row(label, *(write(_select_figure(document, engine, key)) for engine in ENGINES))
    currency = formatting.replace_unprintable(document["currency"])
    capital = formatting.format_money(document["reference_capital"])
    note = f"Money in {currency} on a reference capital of {capital} {currency}."
    lines = (note, *phrases.describe_measures(document), *study_costs.describe_rows(document))
    return Group(table, *(Text(line, style="dim") for line in lines))


def _select_figure(document: Mapping[str, Any], engine: str, key: str) -> Any:
    """Return an engine's figure by its key; the number of long and short trades as one text."""
    if key == "directions":
        return " / ".join(str(count) for count in document["directions"][engine].values())
    return document["engines"][engine][key]


def _build_difference(document: Mapping[str, Any]) -> RenderableType:
    """Build the lines with the return difference B - A, its interval and its basis."""
    difference = document["difference"]
    estimate = formatting.format_bps(difference["estimate"])
    line = Text.assemble((f"\nB − A, return per entry signal: {estimate}", "bold"), f", {_format_interval(difference)}")
    basis = f"{difference['pairs']} pairs on {difference['blocks']} days; an engine that did not trade counts as 0"
    return Group(line, Text(f"naive t interval, {difference['label']}; {basis}", style="dim"))


def _format_interval(difference: Mapping[str, Any]) -> str:
    """Format the confidence interval of a difference, or why there is none."""
    if difference["ci_low"] is None:
        return f"no interval: {difference['note']}"
    low, high = formatting.format_bps(difference["ci_low"]), formatting.format_bps(difference["ci_high"])
    return f"{format_confidence(difference['alpha'])} interval {low} to {high}"


def _build_cell_table(document: Mapping[str, Any]) -> RenderableType:
    """Build the table of pairs by which engines traded."""
    table = _start_table("Who traded", "pairs", "share", "adds to B − A")
    for key, label in CELLS.items():
        cell = document["cells"][key]
        table.add_row(
            label,
            str(cell["pairs"]),
            formatting.format_percent(cell["share"]),
            formatting.format_bps(cell["contribution"]),
        )
    return table


def _build_exit_table(document: Mapping[str, Any]) -> RenderableType:
    """Build the table of exit reasons by engine and direction; empty without any."""
    columns = [(engine, side) for engine in ENGINES for side in ("long", "short")]
    counts, reasons = document["exit_reasons"], phrases.list_exit_reasons(document)
    if not reasons:
        return Text()
    table = _start_table("Why trades ended", *(f"{engine} {side}" for engine, side in columns))
    for reason in reasons:
        table.add_row(
            Text(formatting.replace_unprintable(reason).replace("_", " ")),
            *(str(counts[engine][side].get(reason, 0)) for engine, side in columns),
        )
    return table


def _build_stay_out_table(document: Mapping[str, Any]) -> RenderableType:
    """Build the table of the reasons for which engines stayed out; empty without any."""
    reasons = phrases.list_stay_out_reasons(document)
    if not reasons:
        return Text()
    table = _start_table("Why engines stayed out", *(f"engine {engine}" for engine in ENGINES))
    for reason in reasons:
        table.add_row(
            Text(formatting.replace_unprintable(reason).replace("_", " ")),
            *(str(document["stayed_out"][engine].get(reason, 0)) for engine in ENGINES),
        )
    return table


def _build_other_clock(document: Mapping[str, Any]) -> RenderableType:
    """Build the lines with the difference on the other exit clock and the execution gaps."""
    other = document["other_clock"]
    difference = other["difference"]
    return Group(
        Text("\nFor comparison", style="bold"),
        Text(f"  exits on the {CLOCKS[other['exit_clock']]}"),
        Text(f"    B − A {formatting.format_bps(difference['estimate'])}, {_format_interval(difference)}"),
        Text(f"  execution gap, real minus model of the same engine: {phrases.describe_execution_gaps(document)}"),
        Text(f"  model trades were entered at: {phrases.describe_entry_prices(document)}"),
    )


def _build_health(document: Mapping[str, Any]) -> RenderableType:
    return Group(
        Text("\nHealth", style="bold"),
        *(_build_check_line(text, is_good=good) for good, text in phrases.describe_health_checks(document)),
    )


def _build_check_line(text: str, *, is_good: bool) -> Text:
    return Text.assemble(("  ok    ", "green") if is_good else ("  look  ", "bold red"), text)


def _build_verdict(verdict: Mapping[str, Any]) -> RenderableType:
    status = Text(f" {verdict['status'].replace('_', ' ')} ", style="bold reverse")
    return Padding(Group(status, Text(verdict["text"])), (1, 0, 0, 0))


def _start_table(title: str, *columns: str) -> Table:
    """Create an empty table with a label column and right-aligned columns in the engines' colours."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in columns:
        engine = column.removeprefix("engine ").partition(" ")[0]
        table.add_column(column, justify="right", header_style=STYLES.get(engine, "none"))
    return table
