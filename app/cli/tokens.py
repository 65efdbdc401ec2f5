"""`orchestrator tokens`: what programs show to be let in, each on behalf of a user."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.cli import Problem
from app.cli.database import snapshot, up_to_date
from db import api_tokens
from db.api_tokens import ApiToken, TokenUnknown
from db.users import UserUnknown
from domain.access import Scope
from operations import users
from operations.users import TokenRefused
from reporting.plain import clean

_DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def command() -> None:
    """Manage the tokens by which programs use the HTTP API."""


@command.command()
@click.option("--user", "user_name", required=True, help="The user it acts for; it can do no more than that user.")
@click.option("--label", required=True, help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([one.value for one in Scope]),
    help="What it may do; repeatable.",
)
@click.option("--days", type=int, help="How long it holds (default: until it is revoked).")
@_JSON
@_DATA_DIR
def add(
    *, user_name: str, label: str, scopes: tuple[str, ...], days: int | None, as_json: bool, data_dir: Path | None
) -> None:
    """Make a token and print it; it is shown this once only."""
    wanted = [Scope(one) for one in dict.fromkeys(scopes)]
    with up_to_date(data_dir) as (_, database):
        try:
            token_id, token = users.add_token(
                database, user_name, label=label, scopes=wanted, days=days, actor=getpass.getuser()
            )
        except TokenRefused as refused:
            raise Problem(f"--{refused}") from None
        except UserUnknown:
            raise Problem(f"--user: there is no user named {user_name!r}") from None
    click.echo(json.dumps({"token_id": str(token_id), "token": token}, indent=2) if as_json else token)
    click.echo(f"{token_id} is its id; the token itself is not shown again", err=True)


@command.command("list")
@_JSON
@_DATA_DIR
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the tokens, without what lets somebody in."""
    with snapshot(data_dir) as session:
        found = [_described(one) for one in api_tokens.list_all(session)]
    if as_json:
        click.echo(json.dumps({"tokens": found}, indent=2))
        return
    for one in found:
        state = "holds" if one["holds"] else "over"
        scopes = ",".join(one["effective"]) or "nothing"
        click.echo(clean(f"{one['token_id']}  {one['user']:<20} {state:<6} {scopes:<30} {one['label']}"))
    if not found:
        click.echo("there is no token yet; `orchestrator tokens add` makes one", err=True)


@command.command()
@click.argument("token_id", type=click.UUID)
@_DATA_DIR
def revoke(*, token_id: UUID, data_dir: Path | None) -> None:
    """End the token TOKEN_ID for good."""
    with up_to_date(data_dir) as (_, database):
        try:
            users.revoke_token(database, token_id, actor=getpass.getuser())
        except TokenUnknown:
            raise Problem(f"there is no token {token_id}; `orchestrator tokens list` shows those there are") from None
    click.echo(f"revoked: {token_id}")


def _described(token: ApiToken) -> dict[str, Any]:
    times = {name: getattr(token, name) for name in ("created_at", "expires_at", "last_used_at", "revoked_at")}
    return {
        "token_id": str(token.token_id),
        "user": token.user_name,
        "label": token.label,
        "scopes": [one.value for one in Scope if one in token.scopes],
        "effective": [one.value for one in Scope if one in token.effective] if token.holds else [],
        "holds": token.holds,
    } | {name: at.isoformat() if at is not None else None for name, at in times.items()}
