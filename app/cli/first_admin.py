"""The first user: the admin that a local stack adds when its database has no user yet."""

from __future__ import annotations

from pathlib import Path

from app.cli.operator import audit_context
from config.settings import Settings
from db import users
from db.core.session import Database
from db.users import UserExists
from domain.access import Role
from operations import password_hashing
from operations import users as user_operations
from stack import datadir

NAME = "admin"


def ensure_admin(settings: Settings, directory: Path) -> str:
    """Add the user `admin` when there is no user, and return the line that tells how to log in.

    The password is in the file `admin_password` of the directory, and in the line if it was generated just now.
    """
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        password_hint = _add_admin(database, directory)
        if password_hint is not None:
            return f"login    user {NAME}, {password_hint} in {directory / datadir.ADMIN_PASSWORD}"
        return _describe_login(database, directory / datadir.ADMIN_PASSWORD)
    finally:
        database.dispose()


def _add_admin(database: Database, directory: Path) -> str | None:
    """Add the admin when there is no user; return the words that name the password, None when nobody was added."""
    with database.transaction() as session:
        if users.has_users(session):
            return None
    password, is_new = datadir.ensure_admin_password(directory)
    try:
        user_operations.add(database, NAME, role=Role.ADMIN, password=password, audit=audit_context())
    except UserExists:
        return None  # another stack on the same database was quicker
    return f"password {password}, also" if is_new else "password"


def _describe_login(database: Database, file: Path) -> str:
    """Return the login line; it names the file only while the password in it is the present one."""
    with database.transaction() as session:
        user = users.find(session, NAME)
    if (
        user is not None
        and file.exists()
        and password_hashing.matches_hash(user.password_hash, file.read_text("ascii").strip())
    ):
        return f"login    user {NAME}, password in {file}"
    return "login    as one of the users that `orchestrator users list` shows"
