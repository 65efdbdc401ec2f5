"""`orchestrator users`: who may log in, as what, and with which password."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from app.cli import Problem
from app.cli.database import snapshot, up_to_date
from db import users
from db.core.session import Database
from db.users import LastAdmin, User, UserExists, UserUnknown
from domain.access import Role
from domain.passwords import PasswordRefused
from operations import users as people
from operations.users import NameRefused

_ROLES = click.Choice([one.value for one in Role])
_DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")
_STDIN = click.option("--password-stdin", "by_stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def command() -> None:
    """Manage who may log in to the console: viewers look, operators act, admins change what is set up."""


@command.command()
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What the user may do; each may do what those before it may.")
@_STDIN
@_DATA_DIR
def add(*, name: str, role: str, by_stdin: bool, data_dir: Path | None) -> None:
    """Make the user NAME; the password is asked for twice, and is never an argument."""
    password = _password(by_stdin=by_stdin)
    with _changing(name, data_dir) as database:
        people.add(database, name, role=Role(role), password=password, actor=getpass.getuser())
    click.echo(f"added: {name}, {role}")


@command.command()
@click.argument("name")
@_STDIN
@_DATA_DIR
def passwd(*, name: str, by_stdin: bool, data_dir: Path | None) -> None:
    """Give the user NAME another password; it ends the user's sessions and lifts a lock."""
    password = _password(by_stdin=by_stdin)
    with _changing(name, data_dir) as database:
        people.set_password(database, name, password=password, actor=getpass.getuser())
    click.echo(f"{name} has another password, and no session any more")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@_DATA_DIR
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the users with their roles."""
    with snapshot(data_dir) as session:
        found = [_described(one) for one in users.list_all(session)]
    if as_json:
        click.echo(json.dumps({"users": found}, indent=2))
        return
    for one in found:
        state = "disabled" if not one["enabled"] else "locked" if one["locked"] else "enabled"
        click.echo(f"{one['name']:<24} {one['role']:<9} {state:<9} password of {one['password_set_at'][:10]}")
    if not found:
        click.echo("there is no user yet; `orchestrator users add NAME --role admin` makes one", err=True)


@command.command()
@click.argument("name")
@click.argument("role", type=_ROLES)
@_DATA_DIR
def role(*, name: str, role: str, data_dir: Path | None) -> None:
    """Give the user NAME the role ROLE; it holds at once, for open sessions and tokens too."""
    with _changing(name, data_dir) as database:
        people.set_role(database, name, role=Role(role), actor=getpass.getuser())
    click.echo(f"{name} is {role} now")


@command.command()
@click.argument("name")
@_DATA_DIR
def disable(*, name: str, data_dir: Path | None) -> None:
    """Let the user NAME in no longer; it ends the user's sessions and silences the user's tokens."""
    with _changing(name, data_dir) as database:
        people.enable(database, name, enabled=False, actor=getpass.getuser())
    click.echo(f"disabled: {name}")


@command.command()
@click.argument("name")
@_DATA_DIR
def enable(*, name: str, data_dir: Path | None) -> None:
    """Let the user NAME in again, and those of the user's tokens that still hold."""
    with _changing(name, data_dir) as database:
        people.enable(database, name, enabled=True, actor=getpass.getuser())
    click.echo(f"enabled: {name}")


@contextmanager
def _changing(name: str, data_dir: Path | None) -> Iterator[Database]:
    """Open the database for a change to a user; what stands against it is said in one line."""
    with up_to_date(data_dir) as (_, database):
        try:
            yield database
        except NameRefused as refused:
            raise Problem(f"NAME: {refused}") from None
        except PasswordRefused as refused:
            raise Problem(f"password: {refused}") from None
        except UserExists:
            raise Problem(f"there is a user named {name!r} already; choose another name") from None
        except UserUnknown:
            raise Problem(f"there is no user named {name!r}; `orchestrator users list` shows those there are") from None
        except LastAdmin:
            raise Problem(f"{name!r} is the last admin who may log in; make another one first") from None


def _password(*, by_stdin: bool) -> str:
    if by_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Problem("password: there is no terminal to ask on; give it with --password-stdin")
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    return given


def _described(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role.value,
        "enabled": user.enabled,
        "locked": user.is_locked,
        "password_set_at": user.password_set_at.isoformat(),
        "created_at": user.created_at.isoformat(),
    }
