"""`orchestrator incidents`: what needs a person, and saying that it was dealt with."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.cli import Problem, opened
from app.cli.database import snapshot
from config import settings as configuration
from db import incidents
from domain import incidents as telling
from operations import incidents as closing
from operations.act import Act
from operations.incidents import NotOpen
from reporting.plain import clean

_data_dir = click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")


@click.group()
def command() -> None:
    """List what needs a person, and close what was dealt with."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@_data_dir
def list_incidents(*, as_json: bool, data_dir: Path | None) -> None:
    """List open incidents, oldest first; exit code 1 when there are any."""
    with snapshot(data_dir) as session:
        found = [_described(dict(one)) for one in incidents.list_open(session)]
    if as_json:
        click.echo(json.dumps({"incidents": found}, indent=2))
    for one in () if as_json else found:
        told = telling.format_details(one["kind"], one["detail"])
        click.echo(clean(f"{one['incident_id']}  {one['opened_at']}  {one['kind']:<20} {one['subject']}  {told}"))
    if found:
        raise SystemExit(1)
    if not as_json:
        click.echo("no incident is open", err=True)


@command.command()
@click.argument("incident_id", type=click.UUID)
@click.option("--reason", required=True, help="What was found and done; it is kept in the audit log.")
@_data_dir
def close(*, incident_id: UUID, reason: str, data_dir: Path | None) -> None:
    """Close an incident; a new one is opened when its cause is seen again, of missing alerts never for the same gap."""
    act = Act(by=getpass.getuser(), reason=reason, at=datetime.now(UTC))
    with opened(data_dir) as (_, database), database.transaction() as session:
        try:
            closing.close(session, incident_id, act=act)
        except NotOpen as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"closed: {incident_id}")


@command.command("notify-test")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def notify_test(*, as_json: bool) -> None:
    """Send a test message to each service of NOTIFY_URLS; exit code 1 when one does not take it."""
    from tasks import pipeline  # noqa: PLC0415 - Celery takes a while to load and the other commands do not need it

    settings = configuration.load()
    if not settings.notify_urls:
        raise Problem("NOTIFY_URLS is not set, so nobody would be told")
    answers = pipeline.send_test_notification(settings)
    if as_json:
        told = [{"number": one.number, "service": one.kind, "error": error} for one, error in answers]
        click.echo(json.dumps({"services": told}, indent=2))
    for one, error in () if as_json else answers:
        click.echo(f"{one.name}: {error or 'sent'}")
    if any(error for _, error in answers):
        raise SystemExit(1)


def _described(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"incident_id": str(row["incident_id"]), "opened_at": row["opened_at"].isoformat()}
