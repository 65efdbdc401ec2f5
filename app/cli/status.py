"""`orchestrator status`: is it trading, for whom, on which book and instance, what is open, what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from app.cli import options, switch, targets
from app.cli.database import open_database
from app.cli.targets import InstanceTarget
from config import settings as configuration
from domain.books import LIVE_BOOK
from operations import status
from reporting.formatting import replace_unprintable
from stack import instances, runfile
from stack.errors import StackRefused

Document = dict[str, Any]

_TRADES = {"ENGINE_A_PRIMARY": "engine A trades", "ENGINE_B_PRIMARY": "engine B trades", "SHADOW_ONLY": "shadow only"}
_COMMANDS = """
to stop new entries:   orchestrator policy pause --reason ...      (all books of all running instances)
to close everything:   orchestrator policy flatten --reason ...    (--book and --data-dir name one)
to trade again:        orchestrator policy resume --book BOOK --data-dir DIRECTORY --reason ..."""


@click.command()
@options.JSON
@switch.ANY_INSTANCE
def command(as_json: bool, data_dir: Path | None) -> None:
    """Show on one screen what trades, what is open and what is wrong.

    Shown are all instances that run or were killed, unless one is named: per book the switch, the mode, the account and
    the open real positions; then engines, queues, signals, alerts and incidents. Exit code 0 when all is well, 1 when
    something is wrong or an instance cannot be read; each problem stands there with what to do.
    """
    documents = _load_all(data_dir)
    is_ok = all(document["ok"] for document in documents)
    if as_json:
        click.echo(json.dumps({"ok": is_ok, "instances": documents}, indent=2, default=str))
    else:
        for document in documents:
            for line in _format(document):
                click.echo(replace_unprintable(line))
        click.echo(_COMMANDS)
    if not is_ok:
        raise SystemExit(1)


def _load_all(data_dir: Path | None) -> list[Document]:
    """Return the state of the named instance, else of all that run or were killed.

    Those that run are read at the same time, so that one that does not answer delays no other. The database of one
    that does not run is started for that, on this thread, since it ends with the thread that started it.
    """
    settings = configuration.load()
    is_named = data_dir is not None or settings.database_url is not None
    killed = [] if is_named else targets.find_killed_targets([])
    if killed and not instances.find_running(settings):
        return [_load(target) for target in killed]
    running = targets.find_targets(data_dir)
    if len(running) == 1:
        return [_load(target) for target in (*running, *killed)]
    with ThreadPoolExecutor(len(running)) as pool:
        return [*pool.map(_load, running), *map(_load, killed)]


def _load(target: InstanceTarget) -> Document:
    """Return the state of an instance; one that cannot be read, or does not run, has that as a problem."""
    run = runfile.read_run_file(target.data_dir) if target.data_dir is not None else None
    head: Document = {
        "instance": target.name,
        "running": not target.is_stopped,
        "console": run.web_url if run else None,
    }
    try:
        with open_database(target.data_dir) as (settings, database), database.snapshot() as session:
            document = head | status.load(session, settings)
    except (click.ClickException, StackRefused) as error:
        why = error.message if isinstance(error, click.ClickException) else str(error)
        return head | {"ok": False, "problems": [{"what": f"it cannot be read: {why}", "to_do": "see its log"}]}
    if target.is_stopped:
        problem = {"what": "it does not run: nothing trades and nothing is closed", "to_do": "orchestrator up"}
        queues = [item for item in document["problems"] if "nothing is sent to the queue" not in item["what"]]
        document |= {"ok": False, "problems": [problem, *queues]}
    return document


def _format(document: Document) -> Iterator[str]:
    """Yield the lines about one instance."""
    state = f"runs, console {document['console']}" if document["console"] else "runs" * document["running"]
    yield f"{document['instance']}   {state or 'DOES NOT RUN'}"
    if "books" in document:
        for book in document["books"]:
            yield from _format_book(book)
        yield f"  engines    {'; '.join(map(_format_engine, document['engines'])) or 'not asked yet'}"
        yield f"  queues     {', '.join(map(_format_queue, document['queues'])) or 'not asked yet'}"
        yield f"  signals    {document['signals']['open']} unfinished, {document['signals']['dead']} dead"
        yield f"  alerts     {', '.join(map(_format_source, document['sources'])) or 'no source'}"
        yield f"  incidents  {len(document['incidents']) or 'none'}"
    for problem in document["problems"]:
        yield f"  WRONG      {problem['what']}"
        yield f"     to do   {problem['to_do']}"
    if document["ok"]:
        yield "  all is well"


def _format_book(book: Document) -> Iterator[str]:
    if book["mode"] is None:
        yield f"  {book['book']:<9}  no policy"
        return
    who = _TRADES.get(book["mode"], "both engines may trade")
    yield (
        f"  {book['book']:<9}  {_name_state(book):<13} {book['mode']} ({who}), {_name_account(book)};"
        f" {book['policy_version']} by {book['set_by']}: {book['reason']}"
    )
    for position in book["positions"]:
        age = position["exits_evaluated_s_ago"]
        held = (
            f"{position['side']} {position['quantity']} {position['symbol']} at {position['venue'] or 'no venue yet'}"
        )
        looked_at = "never" if age is None else _format_age(age)
        yield f"      open   {held} in {position['trades']} trades, exits looked at {looked_at}"
    if book["open"]["orders"]:
        yield f"      open   {book['open']['orders']} entry orders on their way"


def _name_state(book: Document) -> str:
    """Return whether the book trades for real, in one or two words."""
    if book["switch"] == "on":
        return "TRADING" if book["trades_for_real"] else "SHADOW ONLY"
    return str(book["switch"]).upper()


def _name_account(book: Document) -> str:
    """Return whose money the book trades with."""
    if book["account"] is None:
        return "paper money" if book["book"] != LIVE_BOOK else "no account is live, so no real money"
    return f"REAL MONEY on account {book['account']['name']} at {book['account']['venue']}"


def _format_engine(engine: Document) -> str:
    failures = f", {engine['failures']} of the last {engine['answers']} answers failed" if engine["failures"] else ""
    return f"{engine['engine']} {engine['version']} answered {_format_age(engine['age_s'])}{failures}"


def _format_queue(queue: Document) -> str:
    return f"{queue['queue']} {queue['state']} {_format_age(queue['silent_s'])}"


def _format_source(source: Document) -> str:
    age = source["last_alert_s_ago"]
    return f"{source['source']} {'none yet' if age is None else _format_age(age)}"


def _format_age(seconds: float) -> str:
    """Return an age in the largest fitting unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
