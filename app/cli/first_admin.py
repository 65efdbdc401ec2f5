"""The first user: an admin that a stack of this machine's own makes when nobody could log in yet."""

from __future__ import annotations

import getpass
from pathlib import Path

from config.settings import Settings
from db import users
from db.core.session import Database
from db.users import UserExists
from domain.access import Role
from operations import password_hashing
from operations import users as people
from stack import datadir

NAME = "admin"


def told(settings: Settings, directory: Path) -> str:
    """Make the user `admin` when there is no user, and return a line that says how to log in.

    The password is in the file `admin_password` of the directory, and in the line when it was made just now.
    """
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        made = _made(database, directory)
        if made is not None:
            return f"login    user {NAME}, {made} in {directory / datadir.ADMIN_PASSWORD}"
        return _as_before(database, directory / datadir.ADMIN_PASSWORD)
    finally:
        database.dispose()


def _made(database: Database, directory: Path) -> str | None:
    """Make the user when there is none; return what to say of the password, None when nobody was made."""
    with database.transaction() as session:
        if users.has_users(session):
            return None
    password, fresh = datadir.admin_password(directory)
    try:
        people.add(database, NAME, role=Role.ADMIN, password=password, actor=getpass.getuser())
    except UserExists:
        return None  # another stack on the same database was quicker
    return f"password {password}, also" if fresh else "password"


def _as_before(database: Database, file: Path) -> str:
    """Name the file for as long as what is in it still is the password."""
    with database.transaction() as session:
        user = users.find(session, NAME)
    if (
        user is not None
        and file.exists()
        and password_hashing.matches(user.password_hash, file.read_text("ascii").strip())
    ):
        return f"login    user {NAME}, password in {file}"
    return "login    as one of the users that `orchestrator users list` shows"
