"""The report on a terminal, for 80 to 120 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reporting import plain, words
from reporting.words import CELLS, CLOCKS, ENGINES, confidence

STYLES = {"A": "blue", "B": "yellow"}
_NARROW, _PLAIN, _WIDE = 80, 100, 120
_ROWS = (
    ("decisions", "decisions", words.whole),
    ("closed model trades", "trades", words.whole),
    ("  long / short", "directions", str),
    ("wins", "wins", words.whole),
    ("win rate", "win_rate", plain.percent),
    ("total P&L", "total_pnl", plain.money),
    ("average P&L", "average_pnl", plain.money),
    ("Sharpe (daily, x √252)", "sharpe", plain.figure),
    ("maximum drawdown", "max_drawdown", lambda share: plain.percent(share, places=2)),
)


def print_report(document: Mapping[str, Any], *, file: IO[str], like: IO[str] | None = None) -> None:
    """Print the report on `file`, 80 to 120 columns wide, in the width and colours of `like` (default: of `file`)."""
    target = Console(file=like or file)
    width = min(max(target.width, _NARROW), _WIDE) if target.is_terminal else _PLAIN
    Console(file=file, highlight=False, width=width, force_terminal=target.is_terminal).print(render(document))


def render(document: Mapping[str, Any]) -> RenderableType:
    """Return the report of `document.build` for a rich console."""
    return Group(
        _heading(document),
        _engines(document),
        _difference(document),
        _cells(document),
        _exits(document),
        _beside(document),
        _health(document["health"]),
        _verdict(document["verdict"]),
    )


def _heading(document: Mapping[str, Any]) -> RenderableType:
    span = document["span"]
    when = f"{plain.moment(span['first'])} to {plain.moment(span['last'])} UTC" if span else "no data yet"
    lines = [
        Text(f"\nEngine A against engine B: study {plain.clean(document['study'])}", style="bold"),
        Text(
            f"book {plain.clean(document['book'])} ({'simulated' if document['simulated'] else 'real'} money), {when}"
        ),
        Text(f"mode {_modes(document['modes'])}, exits on the {CLOCKS[document['exit_clock']]}"),
        Text(f"{document['entries']} entry signals, {document['difference']['pairs']} pairs ended on both sides"),
    ]
    for engine in ENGINES:
        line = Text("engine ").append(engine, style=f"bold {STYLES[engine]}")
        lines.append(line.append(f" is {plain.clean(document['engine_versions'][engine])}"))
    return Group(*lines)


def _modes(modes: Mapping[str, int]) -> str:
    return ", ".join(f"{mode} ({count})" for mode, count in modes.items()) or plain.NOTHING


def _engines(document: Mapping[str, Any]) -> RenderableType:
    table = _table("Model trades, same fills and costs for both", *(f"engine {engine}" for engine in ENGINES))
    for label, key, write in _ROWS:
        table.add_row(label, *(write(_figure(document, engine, key)) for engine in ENGINES))
    currency = plain.clean(document["currency"])
    note = f"Money in {currency} on a reference capital of {plain.money(document['reference_capital'])} {currency}."
    return Group(table, Text(note, style="dim"))


def _figure(document: Mapping[str, Any], engine: str, key: str) -> Any:
    if key == "directions":
        return " / ".join(str(count) for count in document["directions"][engine].values())
    return document["engines"][engine][key]


def _difference(document: Mapping[str, Any]) -> RenderableType:
    difference = document["difference"]
    estimate = plain.bps(difference["estimate"])
    line = Text.assemble((f"\nB − A, return per entry signal: {estimate}", "bold"), f", {_interval(difference)}")
    basis = f"{difference['pairs']} pairs on {difference['blocks']} days; an engine that did not trade counts as 0"
    return Group(line, Text(f"naive t interval, {difference['label']}; {basis}", style="dim"))


def _interval(difference: Mapping[str, Any]) -> str:
    if difference["ci_low"] is None:
        return f"no interval: {difference['note']}"
    low, high = plain.bps(difference["ci_low"]), plain.bps(difference["ci_high"])
    return f"{confidence(difference['alpha'])} interval {low} to {high}"


def _cells(document: Mapping[str, Any]) -> RenderableType:
    table = _table("Who traded", "pairs", "share", "adds to B − A")
    for key, label in CELLS.items():
        cell = document["cells"][key]
        table.add_row(label, str(cell["pairs"]), plain.percent(cell["share"]), plain.bps(cell["contribution"]))
    return table


def _exits(document: Mapping[str, Any]) -> RenderableType:
    columns = [(engine, side) for engine in ENGINES for side in ("long", "short")]
    counts, reasons = document["exit_reasons"], words.reasons(document)
    if not reasons:
        return Text()
    table = _table("Why trades ended", *(f"{engine} {side}" for engine, side in columns))
    for reason in reasons:
        table.add_row(
            Text(plain.clean(reason).replace("_", " ")),
            *(str(counts[engine][side].get(reason, 0)) for engine, side in columns),
        )
    return table


def _beside(document: Mapping[str, Any]) -> RenderableType:
    other = document["other_clock"]
    difference = other["difference"]
    return Group(
        Text("\nBeside it", style="bold"),
        Text(f"  exits on the {CLOCKS[other['exit_clock']]}"),
        Text(f"    B − A {plain.bps(difference['estimate'])}, {_interval(difference)}"),
        Text(f"  execution gap, real minus model of the same engine: {words.gaps(document)}"),
    )


def _health(figures: Mapping[str, Any]) -> RenderableType:
    return Group(Text("\nHealth", style="bold"), *(_mark(text, is_good=good) for good, text in words.health(figures)))


def _mark(text: str, *, is_good: bool) -> Text:
    return Text.assemble(("  ok    ", "green") if is_good else ("  look  ", "bold red"), text)


def _verdict(verdict: Mapping[str, Any]) -> RenderableType:
    status = Text(f" {verdict['status'].replace('_', ' ')} ", style="bold reverse")
    return Padding(Group(status, Text(verdict["text"])), (1, 0, 0, 0))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in columns:
        engine = column.removeprefix("engine ").partition(" ")[0]
        table.add_column(column, justify="right", header_style=STYLES.get(engine, "none"))
    return table
