"""`orchestrator report`: the comparison of the engines of a study, as text, JSON or a page."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, options
from app.cli.database import open_snapshot
from config.settings import Settings
from db.core.session import Database, Session
from db.queries import reports
from db.queries.reports import StudyUnknown
from domain.comparison.record import StudyRecord
from reporting import charts, page, text
from reporting import document as documents


@click.command()
@click.option("--study", metavar="NAME", help="The study to report (default: the newest that has signals, tests last).")
@click.option("--book", metavar="BOOK", help="Only studies of this book: live, paper, test or replay:<id>.")
@options.JSON
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE",
    help="Write the report to this file, as a page that needs no other file.",
)
@options.DATA_DIR
def command(
    *, study: str | None, book: str | None, as_json: bool, html_file: Path | None, data_dir: Path | None
) -> None:
    """Compare the engines of a study.

    Shows which engine is better, by how much, and whether the data suffice to tell.
    """
    with open_snapshot(data_dir) as session:
        record = _load_record(session, study=study, book=book)
    built = documents.build_report(record)
    if html_file is not None:
        _write_page(html_file, page.render_report(built, charts.build_charts(record)))
    if as_json:
        click.echo(json.dumps(built, indent=2))
    elif html_file is None:
        text.print_report(built, file=sys.stdout)


def load_document(settings: Settings, *, study: str | None = None, book: str | None = None) -> dict[str, Any]:
    """Load the report of a study from the database of the settings, as a document.

    Raises:
        StudyUnknown: when there is no such study.
    """
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.snapshot() as session:
            return documents.build_report(reports.load(session, study=study, book=book))
    finally:
        database.dispose()


def render(built: dict[str, Any]) -> str:
    """Return the report as text, with colours when stdout is a terminal."""
    out = io.StringIO()
    text.print_report(built, file=out, like=sys.stdout)
    return out.getvalue()


def _load_record(session: Session, *, study: str | None, book: str | None) -> StudyRecord:
    try:
        return reports.load(session, study=study, book=book)
    except StudyUnknown as unknown:
        raise click.ClickException(str(unknown)) from None


def _write_page(file: Path, content: str) -> None:
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None
    click.echo(f"wrote {file}", err=True)
