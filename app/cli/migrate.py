"""`orchestrator migrate`: migration of the database to the newest schema, and the rows that a start needs."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app.cli import CommandError, start_settings
from config import logging as logs


@click.command()
def command() -> None:
    """Migrate the database of DATABASE_URL to the newest schema.

    MIGRATION_DATABASE_URL is used for that where it is set, such as for another user. Each migration is a transaction
    of its own. `orchestrator up` migrates its own database at each start.
    """
    from db.core import migrate  # noqa: PLC0415 - loaded after the settings are checked, because it is slow
    from operations import environment_policy, source_tokens  # noqa: PLC0415 - as below
    from tasks import pipeline  # noqa: PLC0415 - likewise

    settings = start_settings.load()
    logs.configure(settings)
    url = settings.migration_database_url or settings.database_url
    if url is None or settings.database_url is None:
        raise CommandError("DATABASE_URL is not set; `orchestrator up` migrates its own database when it starts")
    try:
        migrate.upgrade(url)
        pipeline.prepare(settings)
        for line in environment_policy.apply(settings, at=datetime.now(UTC)):
            click.echo(line, err=True)
        if settings.secret_key is not None:
            source_tokens.ensure_first_source(settings)
    except migrate.DATABASE_ERRORS as error:
        raise CommandError(f"DATABASE_URL: the database cannot be used: {migrate.describe_error(error)}") from None
    click.echo("the database has the newest schema", err=True)
