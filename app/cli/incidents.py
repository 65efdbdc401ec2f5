"""`orchestrator incidents`: conditions that need a person, and closing those that were dealt with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.cli import CommandError, options
from app.cli.database import open_database, open_snapshot
from app.cli.operator import audit_context
from config import settings as configuration
from db import incidents
from domain import incidents as incident_texts
from operations import incidents as incident_operations
from operations.incidents import NotOpen
from reporting.formatting import replace_unprintable


@click.group()
def command() -> None:
    """List open incidents and close them.

    An incident is a condition that needs a person, such as a source that is silent or a worker that takes no tasks.
    """


@command.command("list")
@options.JSON
@options.DATA_DIR
def list_incidents(*, as_json: bool, data_dir: Path | None) -> None:
    """List open incidents, oldest first.

    Exit code 1 when there are any.
    """
    with open_snapshot(data_dir) as session:
        documents = [_to_document(dict(row)) for row in incidents.list_open(session)]
    if as_json:
        click.echo(json.dumps({"incidents": documents}, indent=2))
    else:
        _print_incidents(documents)
    if documents:
        raise SystemExit(1)


@command.command()
@click.argument("incident_id", type=click.UUID)
@click.option("--reason", required=True, help="What was found and done; the audit log keeps it.")
@options.DATA_DIR
def close(*, incident_id: UUID, reason: str, data_dir: Path | None) -> None:
    """Close an incident that was dealt with.

    A new one is opened when its cause is seen again; about missing alerts, never for the same gap.
    """
    with open_database(data_dir) as (_, database), database.transaction() as session:
        try:
            incident_operations.close(session, incident_id, audit=audit_context(reason))
        except NotOpen as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"closed: {incident_id}")


@command.command("notify-test")
@options.JSON
def notify_test(*, as_json: bool) -> None:
    """Send a test message to each service of NOTIFY_URLS.

    Exit code 1 when one of them does not take it.
    """
    from tasks import pipeline  # noqa: PLC0415 - Celery takes a while to load and the other commands do not need it

    settings = configuration.load()
    if not settings.notify_urls:
        raise CommandError("NOTIFY_URLS is not set, so there is no service to send a message to")
    answers = pipeline.send_test_notification(settings)
    if as_json:
        services = [{"number": service.number, "service": service.kind, "error": error} for service, error in answers]
        click.echo(json.dumps({"services": services}, indent=2))
    for service, error in () if as_json else answers:
        click.echo(f"{service.name}: {error or 'sent'}")
    if any(error for _, error in answers):
        raise SystemExit(1)


def _print_incidents(documents: list[dict[str, Any]]) -> None:
    for incident in documents:
        detail = incident_texts.format_details(incident["kind"], incident["detail"])
        click.echo(
            replace_unprintable(
                f"{incident['incident_id']}  {incident['opened_at']}  {incident['kind']:<20} {incident['subject']}"
                f"  {detail}"
            )
        )
    if not documents:
        click.echo("no incident is open", err=True)


def _to_document(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"incident_id": str(row["incident_id"]), "opened_at": row["opened_at"].isoformat()}
