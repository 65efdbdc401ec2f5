"""Login: a name and a password begin a session. Every refusal takes the same time and has the same text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from config import tokens
from db import users, web_sessions
from db.core.session import Database, Session
from db.users import User
from operations import password_hashing
from operations import users as user_operations
from operations.audit_entry import AuditContext

REFUSED = "The name or the password is wrong, or the name is locked for a while."
_NO_USER = ""
_LONGEST_AGENT = 200
_LONGEST_PASSWORD = 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The address and browser of a login, shown beside the session."""

    address: str
    user_agent: str

    @property
    def printable_agent(self) -> str:
        """The browser's own description, printable and not too long."""
        return "".join(character for character in self.user_agent if character.isprintable())[:_LONGEST_AGENT]


def log_in(database: Database, name: str, password: str, *, browser: Browser) -> str | None:
    """Begin a session and return the value of its cookie; None when the login is refused."""
    token = tokens.new_token()

    def begin(session: Session) -> None:
        digest = tokens.hash_token(token)
        web_sessions.begin(
            session, name, session_hash=digest, address=browser.address, user_agent=browser.printable_agent
        )
        _write_audit_entry(session, "user.logged_in", name, address=browser.address)

    if not check_password(database, name, password, address=browser.address, on_success=begin):
        return None
    log.info("login.passed", user=name, address=browser.address)
    return token


def check_password(
    database: Database,
    name: str,
    password: str,
    *,
    address: str,
    on_success: Callable[[Session], None] = lambda _: None,
) -> bool:
    """Return whether this is the password of an enabled user who is not locked out; call `on_success` if so.

    A wrong one is counted. While the name is locked the right one is refused too, and none is counted. `on_success`
    runs in the transaction that notes the success.
    """
    name = name if user_operations.is_name(name) else _NO_USER
    with database.transaction() as session:
        user = users.find(session, name)
    is_right = password_hashing.matches_hash(
        user.password_hash if user is not None else None, password[:_LONGEST_PASSWORD]
    )
    with database.transaction() as session:
        if (
            user is not None
            and is_right
            and users.record_successful_login(session, name, password_hash=user.password_hash)
        ):
            on_success(session)
        else:
            _note_failure(session, name, user, is_right=is_right, address=address)
            return False
    _renew_hash(database, user, password)
    return True


def check_password_again(database: Database, name: str, password: str, *, address: str) -> bool:
    """Check the password of a logged-in user as `check_password` does, and write the result into the audit log."""
    is_right = check_password(database, name, password, address=address)
    action = "user.password_given" if is_right else "user.password_refused"
    with database.transaction() as session:
        _write_audit_entry(session, action, name, address=address)
    return is_right


def _note_failure(session: Session, name: str, user: User | None, *, is_right: bool, address: str) -> None:
    """Count a wrong password, log it, and write a lock into the audit log."""
    locked_until = None if is_right else users.record_failed_login(session, name)
    # A password may have been typed into the name field: only names of existing users are logged.
    known_name = name if user is not None else None
    log.info("login.failed", user=known_name, address=address)
    if known_name is not None and locked_until is not None:
        log.warning("login.locked", user=known_name, address=address, until=locked_until.isoformat())
        until = locked_until.isoformat(timespec="seconds")
        _write_audit_entry(session, "user.locked", known_name, address=address, until=until)


def _write_audit_entry(session: Session, action: str, name: str, **detail: str) -> None:
    """Write an entry of which the user is both actor and subject."""
    AuditContext(actor=name, at=datetime.now(UTC)).write_entry(session, action, name, **detail)


def _renew_hash(database: Database, user: User, password: str) -> None:
    """Store a fresh hash of the password when its hash has outdated parameters."""
    if not password_hashing.is_outdated(user.password_hash):
        return
    fresh = password_hashing.hash_password(password)
    with database.transaction() as session:
        users.replace_hash(session, user.name, before=user.password_hash, after=fresh)
