"""`orchestrator tokens`: the tokens with which programs use the HTTP API, each on behalf of a user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.cli import CommandError, options
from app.cli.database import open_current_database, open_snapshot
from app.cli.operator import audit_context
from db.api_tokens import TokenUnknown
from db.users import UserUnknown
from domain.access import Scope
from operations import api_tokens
from operations.api_tokens import TokenRefused
from reporting.formatting import replace_unprintable


@click.group()
def command() -> None:
    """Manage the tokens with which programs use the HTTP API."""


@command.command()
@click.option("--user", "user_name", required=True, help="The user it acts for; it can do no more than that user.")
@click.option("--label", required=True, help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; repeatable.",
)
@click.option("--days", type=int, help="Days until it expires (default: it holds until it is revoked).")
@options.JSON
@options.DATA_DIR
def add(
    *, user_name: str, label: str, scopes: tuple[str, ...], days: int | None, as_json: bool, data_dir: Path | None
) -> None:
    """Add a token and print it.

    It is shown only now: the database keeps a hash of it.
    """
    distinct = [Scope(scope) for scope in dict.fromkeys(scopes)]
    with open_current_database(data_dir) as (_, database):
        try:
            added = api_tokens.add(database, user_name, label=label, scopes=distinct, days=days, audit=audit_context())
        except TokenRefused as refused:
            raise CommandError(f"--{refused}") from None
        except UserUnknown:
            raise CommandError(f"--user: there is no user named {user_name!r}") from None
    click.echo(json.dumps(added, indent=2) if as_json else added["token"])
    click.echo(f"{added['token_id']} is its id; the token itself is not shown again", err=True)


@command.command("list")
@options.JSON
@options.DATA_DIR
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the tokens, without their secrets."""
    with open_snapshot(data_dir) as session:
        documents = api_tokens.list_tokens(session)
    if as_json:
        click.echo(json.dumps({"tokens": documents}, indent=2))
        return
    for token in documents:
        click.echo(replace_unprintable(_format_line(token)))
    if not documents:
        click.echo("there is no token yet; `orchestrator tokens add` adds one", err=True)


@command.command()
@click.argument("token_id", type=click.UUID)
@options.DATA_DIR
def revoke(*, token_id: UUID, data_dir: Path | None) -> None:
    """Revoke the token TOKEN_ID for good."""
    with open_current_database(data_dir) as (_, database):
        try:
            api_tokens.revoke(database, token_id, audit=audit_context())
        except TokenUnknown:
            raise CommandError(f"there is no token {token_id}; `orchestrator tokens list` lists the tokens") from None
    click.echo(f"revoked: {token_id}")


def _format_line(token: dict[str, Any]) -> str:
    state = "holds" if token["holds"] else "over"
    scopes = ",".join(token["effective"]) or "nothing"
    return f"{token['token_id']}  {token['user']:<20} {state:<6} {scopes:<30} {token['label']}"
