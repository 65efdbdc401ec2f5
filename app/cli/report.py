"""`orchestrator report`: which engine is better, by how much, and whether that is known yet."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE",
    help="Write the report as a page that stands alone.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")
def command(
    *, study: str | None, book: str | None, as_json: bool, html_file: Path | None, data_dir: Path | None
) -> None:
    """Compare the engines of a study."""
    with open_snapshot(data_dir) as session:
        record = _record(session, study=study, book=book)
    built = documents.build_report(record)
    if html_file is not None:
        _write(html_file, page.render_report(built, charts.build_charts(record)))
    if as_json:
        click.echo(json.dumps(built, indent=2))
    elif html_file is None:
        text.print_report(built, file=sys.stdout)


def document(settings: Settings, *, study: str | None = None, book: str | None = None) -> dict[str, Any]:
    """Return the report's document from the database that `settings` name.

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
    """Return the report as text for stdout, with colours where it is a terminal."""
    out = io.StringIO()
    text.print_report(built, file=out, like=sys.stdout)
    return out.getvalue()


def _record(session: Session, *, study: str | None, book: str | None) -> StudyRecord:
    try:
        return reports.load(session, study=study, book=book)
    except StudyUnknown as unknown:
        raise click.ClickException(str(unknown)) from None


def _write(file: Path, content: str) -> None:
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None
    click.echo(f"wrote {file}", err=True)
