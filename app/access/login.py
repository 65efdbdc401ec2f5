"""Logging in: a name and a password become a session; every refusal takes the same time and says the same."""

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
_NOBODY = ""
_LONGEST_AGENT = 200
_LONGEST_GIVEN = 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """Where somebody logs in from, as it is shown beside the session."""

    address: str
    user_agent: str

    @property
    def shown(self) -> str:
        """The browser's own description, printable and not too long."""
        return "".join(one for one in self.user_agent if one.isprintable())[:_LONGEST_AGENT]


def log_in(database: Database, name: str, password: str, *, browser: Browser) -> str | None:
    """Begin a session and return what its cookie is to hold; None when the person may not come in."""
    token = tokens.new_token()

    def begin(session: Session) -> None:
        digest = tokens.hash_token(token)
        web_sessions.begin(session, name, session_hash=digest, address=browser.address, user_agent=browser.shown)
        _write_audit_entry(session, "user.logged_in", name, address=browser.address)

    if not proves(database, name, password, address=browser.address, then=begin):
        return None
    log.info("login.passed", user=name, address=browser.address)
    return token


def proves(
    database: Database, name: str, password: str, *, address: str, then: Callable[[Session], None] = lambda _: None
) -> bool:
    """Say whether the password is that of an enabled user who is not locked out, and do `then` with it if so.

    A wrong one is counted. While the name is locked the right one is refused too, and nothing is counted.
    """
    name = name if user_operations.is_name(name) else _NOBODY
    with database.transaction() as session:
        user = users.find(session, name)
    is_right = password_hashing.matches_hash(
        user.password_hash if user is not None else None, password[:_LONGEST_GIVEN]
    )
    with database.transaction() as session:
        if (
            user is not None
            and is_right
            and users.record_successful_login(session, name, password_hash=user.password_hash)
        ):
            then(session)
        else:
            _refused(session, name, user, is_right=is_right, address=address)
            return False
    _renew_hash(database, user, password)
    return True


def proves_again(database: Database, name: str, password: str, *, address: str) -> bool:
    """Say whether who is logged in gave the right password, as `proves` does; the audit log has the answer."""
    is_right = proves(database, name, password, address=address)
    action = "user.password_given" if is_right else "user.password_refused"
    with database.transaction() as session:
        _write_audit_entry(session, action, name, address=address)
    return is_right


def _refused(session: Session, name: str, user: User | None, *, is_right: bool, address: str) -> None:
    locked_until = None if is_right else users.record_failed_login(session, name)
    # Somebody may have typed a password where the name belongs: only a name that there is may be written down.
    known = name if user is not None else None
    log.info("login.failed", user=known, address=address)
    if known is not None and locked_until is not None:
        log.warning("login.locked", user=known, address=address, until=locked_until.isoformat())
        until = locked_until.isoformat(timespec="seconds")
        _write_audit_entry(session, "user.locked", known, address=address, until=until)


def _write_audit_entry(session: Session, action: str, name: str, **detail: str) -> None:
    """Write an entry of which the user is both actor and subject."""
    AuditContext(actor=name, at=datetime.now(UTC)).write_entry(session, action, name, **detail)


def _renew_hash(database: Database, user: User, password: str) -> None:
    if not password_hashing.is_outdated(user.password_hash):
        return
    fresh = password_hashing.hash_password(password)
    with database.transaction() as session:
        users.replace_hash(session, user.name, before=user.password_hash, after=fresh)
