"""`orchestrator policy pause | flatten | end-flatten | resume`: the switch for real trading.

Acts that make an instance safer are for all books of all instances unless one is named; those that loosen the switch
need exactly one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, targets
from app.cli.database import open_database
from app.cli.operator import audit_context
from app.cli.targets import InstanceTarget
from db import policies
from db.core.errors import SQLAlchemyError, is_outage, lacks_schema
from db.core.session import Database
from db.queries import real_exposure
from domain.books import STANDING_BOOKS
from operations import policy
from operations.policy import FlattenUnfinished, NoSwitch, NotFlattening
from stack.errors import StackRefused

_ANY_BOOK = click.option("--book", help="The book (default: all standing books).")
ONE_BOOK = click.option("--book", help="The book; it must be named.")
ANY_INSTANCE = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory of the instance (default: DATABASE_URL, else all that run).",
)
ONE_INSTANCE = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory of the instance (default: DATABASE_URL, else the only one that runs).",
)
_REASON = click.option("--reason", required=True, help="Why; it is kept with the version.")
_POLL_S = 0.2

Operation = Callable[..., dict[str, Any]]
Act = Callable[[InstanceTarget], bool]


@click.command()
@_ANY_BOOK
@_REASON
@ANY_INSTANCE
def pause(*, book: str | None, reason: str, data_dir: Path | None) -> None:
    """Send no new real entries.

    It holds for all standing books of all running instances, unless one is named. Exits go on, and so does the shadow
    record of both engines. Once this has answered, no entry begins to be sent. The orders that were on their way are
    counted and followed to their end. A flatten goes on.
    """
    _act_on_all(data_dir, lambda target: _tighten(target, book, policy.pause, reason))


@click.command()
@_ANY_BOOK
@_REASON
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until nothing is open.",
)
@ANY_INSTANCE
def flatten(*, book: str | None, reason: str, wait_s: float, data_dir: Path | None) -> None:
    """Pause, and close everything that is open for real.

    It holds for all standing books of all running instances, unless one is named. The exits worker closes it at present
    quotes, and goes on until nothing is left, which is a pause, or `end-flatten` is called. Exit code 1 when something
    is still open after the wait.
    """

    def flatten_target(target: InstanceTarget) -> bool:
        is_done = _tighten(target, book, policy.flatten, reason)
        return _await_closed(target, _list_books(book), wait_s=wait_s) and is_done

    _act_on_all(data_dir, flatten_target)


@click.command("end-flatten")
@ONE_BOOK
@_REASON
@ONE_INSTANCE
def end_flatten(*, book: str | None, reason: str, data_dir: Path | None) -> None:
    """End a flatten that is not done.

    What is open stays open, and the book stays paused. It needs one book and one instance.
    """
    target = _find_one(book, data_dir)
    document = _loosen(target, str(book), policy.end_flatten, reason)
    left = document["open"]["trades"]
    click.echo(f"{book} of {target.name}: paused, no longer flattened; {left} real positions stay open")


@click.command()
@ONE_BOOK
@_REASON
@ONE_INSTANCE
def resume(*, book: str | None, reason: str, data_dir: Path | None) -> None:
    """Send real entries again, for new experiments.

    It needs one book and one instance. Refused while a flatten has positions left to close.
    """
    target = _find_one(book, data_dir)
    document = _loosen(target, str(book), policy.resume, reason)
    version = document["policy"]
    was = "real entries are sent again" if document["changed"] else "was on already, real entries are sent"
    click.echo(f"{book} of {target.name}: {was} ({version['policy_version']}: {version['mode']})")


def require_book(book: str | None, target: InstanceTarget) -> str:
    """Return the named book.

    Raises:
        CommandError: when none is named; it lists the books of the instance with their policies.
    """
    if book is not None:
        return book
    with open_database(target.data_dir) as (_, database), database.transaction() as session:
        versions = policies.load_current(session, STANDING_BOOKS)
    lines = [
        f"  --book {name:<6} {versions[name].mode.value}, switch {versions[name].switch.value}"
        for name in STANDING_BOOKS
        if name in versions
    ]
    raise CommandError("\n".join((f"name the book of {target.name} that is meant:", *lines)))


def _find_one(book: str | None, data_dir: Path | None) -> InstanceTarget:
    target = targets.find_one_target(data_dir)
    require_book(book, target)
    return target


def _list_books(book: str | None) -> Sequence[str]:
    return STANDING_BOOKS if book is None else (book,)


def _act_on_all(data_dir: Path | None, act: Act) -> None:
    """Act on one instance, or on several at the same time, so that one that does not answer delays no other."""
    chosen = targets.find_targets(data_dir)
    targets.print_others(chosen)
    if len(chosen) == 1:
        is_done = act(chosen[0])
    else:
        with ThreadPoolExecutor(len(chosen)) as pool:
            results = list(pool.map(lambda target: _try(act, target), chosen))
        is_done = all(results)
    if not is_done:
        raise SystemExit(1)


def _try(act: Act, target: InstanceTarget) -> bool:
    """Act on one of several instances; print an error of it, and return whether all went well."""
    try:
        return act(target)
    except click.ClickException as error:
        return _print_failure(target.name, error.message)
    except (StackRefused, SQLAlchemyError) as error:
        return _print_failure(target.name, str(error))


def _print_failure(subject: str, why: str) -> bool:
    click.echo(f"NOT DONE: {subject}: {why}", err=True)
    return False


def _tighten(target: InstanceTarget, book: str | None, operation: Operation, reason: str) -> bool:
    """Carry out `policy.pause` or `flatten` on each book and print the result; return whether all were reached."""
    with open_database(target.data_dir) as (_, database):
        results = [_tighten_book(database, target, name, operation, reason) for name in _list_books(book)]
    return all(results)


def _tighten_book(database: Database, target: InstanceTarget, book: str, operation: Operation, reason: str) -> bool:
    try:
        with database.transaction() as session:
            document = operation(session, book, audit=audit_context(reason))
    except NoSwitch:
        raise CommandError(f"--book: there is no book {book!r} with a switch") from None
    except SQLAlchemyError as error:
        if is_outage(error) or lacks_schema(error):
            raise
        return _print_failure(f"{book} of {target.name}", str(error.__cause__ or error))
    click.echo(f"{book} of {target.name}: {_describe_switch(document)}")
    return True


def _describe_switch(document: dict[str, Any]) -> str:
    """Return in one line what the switch does now, whether that is new, and what is open for real."""
    version, left = document["policy"], document["open"]
    already = "" if document["changed"] else " already"
    positions = f"{left['trades']} real positions are open, {left['orders']} entry orders were on their way"
    if version["switch"] == "flat" and (left["trades"] or left["orders"]):
        return f"is being flattened{already} ({version['policy_version']}): {positions}"
    return f"paused{already} ({version['policy_version']}): no new real entries; {positions}"


def _await_closed(target: InstanceTarget, books: Sequence[str], *, wait_s: float) -> bool:
    """Wait until nothing is open for real in the books; print what is left, and return whether that is nothing."""
    with open_database(target.data_dir) as (_, database):
        deadline = time.monotonic() + (0 if target.is_stopped else wait_s)
        while (counts := _count_open_trades(database, books)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    for book, count in counts.items():
        ends = "it is closed when it runs: `orchestrator up`" if target.is_stopped else "the workers go on closing them"
        click.echo(f"{book} of {target.name}: {count} real positions are still open; {ends}", err=True)
    if not counts:
        click.echo(f"{', '.join(books)} of {target.name}: nothing is open for real")
    return not counts


def _count_open_trades(database: Database, books: Sequence[str]) -> dict[str, int]:
    """Return the number of real trades that are open, of each book that has any."""
    with database.transaction() as session:
        counts = {book: real_exposure.count_exposure(session, book).trades for book in books}
    return {book: count for book, count in counts.items() if count}


def _loosen(target: InstanceTarget, book: str, operation: Operation, reason: str) -> dict[str, Any]:
    """Carry out `policy.resume` or `end_flatten` and return its document."""
    try:
        with open_database(target.data_dir) as (_, database), database.transaction() as session:
            return operation(session, book, audit=audit_context(reason))
    except NoSwitch:
        raise CommandError(f"--book: there is no book {book!r} with a switch") from None
    except FlattenUnfinished as error:
        command = f"orchestrator policy end-flatten --book {book}{target.option} --reason ..."
        raise click.ClickException(f"{target.name}: {error}; to leave them open: {command}") from None
    except NotFlattening as error:
        raise click.ClickException(f"{target.name}: {error}") from None
