"""`orchestrator users`: who may log in to the console, with which role and password."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, options
from app.cli.database import open_current_database, open_snapshot
from app.cli.operator import audit_context
from db.core.session import Database
from db.users import LastAdmin, UserExists, UserUnknown
from domain.access import Role
from domain.passwords import PasswordRefused
from operations import users
from operations.users import NameRefused

_ROLES = click.Choice([role.value for role in Role])
_PASSWORD_STDIN = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input."
)


@click.group()
def command() -> None:
    """Manage who may log in to the console.

    Viewers see everything, operators also act (pause, rerun, close incidents), admins also change users, sources and
    policies.
    """


@command.command()
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="The user's role; each includes those before it.")
@_PASSWORD_STDIN
@options.DATA_DIR
def add(*, name: str, role: str, from_stdin: bool, data_dir: Path | None) -> None:
    """Add the user NAME.

    The password is asked for twice; it is never an argument, because everyone can read a command line.
    """
    password = _read_password(from_stdin=from_stdin)
    with _open_for_change(name, data_dir) as database:
        users.add(database, name, role=Role(role), password=password, audit=audit_context())
    click.echo(f"added: {name}, {role}")


@command.command()
@click.argument("name")
@_PASSWORD_STDIN
@options.DATA_DIR
def passwd(*, name: str, from_stdin: bool, data_dir: Path | None) -> None:
    """Change the password of the user NAME.

    This ends the user's sessions, and unlocks a name that was locked after wrong passwords.
    """
    password = _read_password(from_stdin=from_stdin)
    with _open_for_change(name, data_dir) as database:
        users.set_password(database, name, password=password, audit=audit_context())
    click.echo(f"{name} has a new password; all sessions of {name} have ended")


@command.command("list")
@options.JSON
@options.DATA_DIR
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the users with their roles."""
    with open_snapshot(data_dir) as session:
        documents = users.list_users(session)
    if as_json:
        click.echo(json.dumps({"users": documents}, indent=2))
        return
    for user in documents:
        click.echo(_format_line(user))
    if not documents:
        click.echo("there is no user yet; `orchestrator users add NAME --role admin` adds one", err=True)


@command.command()
@click.argument("name")
@click.argument("role", type=_ROLES)
@options.DATA_DIR
def role(*, name: str, role: str, data_dir: Path | None) -> None:
    """Give the user NAME the role ROLE.

    It holds at once, for open sessions and tokens too.
    """
    with _open_for_change(name, data_dir) as database:
        users.set_role(database, name, role=Role(role), audit=audit_context())
    click.echo(f"{name} is {role} now")


@command.command()
@click.argument("name")
@options.DATA_DIR
def disable(*, name: str, data_dir: Path | None) -> None:
    """Refuse logins and tokens of the user NAME.

    This also ends the user's open sessions.
    """
    with _open_for_change(name, data_dir) as database:
        users.disable(database, name, audit=audit_context())
    click.echo(f"disabled: {name}")


@command.command()
@click.argument("name")
@options.DATA_DIR
def enable(*, name: str, data_dir: Path | None) -> None:
    """Let the user NAME log in again.

    Tokens of the user that were not revoked and have not expired work again too.
    """
    with _open_for_change(name, data_dir) as database:
        users.enable(database, name, audit=audit_context())
    click.echo(f"enabled: {name}")


@contextmanager
def _open_for_change(name: str, data_dir: Path | None) -> Iterator[Database]:
    """Open the database for a change to a user; turn refusals into command errors."""
    with open_current_database(data_dir) as (_, database):
        try:
            yield database
        except NameRefused as refused:
            raise CommandError(f"NAME: {refused}") from None
        except PasswordRefused as refused:
            raise CommandError(f"password: {refused}") from None
        except UserExists:
            raise CommandError(f"there is a user named {name!r} already; choose another name") from None
        except UserUnknown:
            raise CommandError(f"there is no user named {name!r}; `orchestrator users list` lists the users") from None
        except LastAdmin:
            raise CommandError(f"{name!r} is the last admin who may log in; add another one first") from None


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError("password: there is no terminal to ask on; give it with --password-stdin")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    return password


def _format_line(user: dict[str, Any]) -> str:
    state = "disabled" if not user["enabled"] else "locked" if user["locked"] else "enabled"
    return f"{user['name']:<24} {user['role']:<9} {state:<9} password of {user['password_set_at'][:10]}"
