"""Check that the timeouts we ask the server for are in force: a connection pooler may swallow them."""

from __future__ import annotations

from sqlalchemy import text

from db.core.errors import OperationalError
from db.core.session import Database

_ASKED_S = 30
_IN_FORCE = text("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
_UNSUPPORTED = "unsupported startup parameter"
_CURE = (
    "a statement or a lock could then hang for ever. Something between us and Postgres does this, such as PgBouncer"
    " with `options` among its ignore_startup_parameters: connect to Postgres itself"
)


class TimeoutsIgnored(RuntimeError):
    """The server does not apply the timeouts of our connections; the message says what to do."""


def require_timeouts(url: str) -> None:
    """Check on a new connection that the statement timeout that was asked for is in force.

    Raises:
        TimeoutsIgnored: when it is not, or when a pooler refuses to be asked.
    """
    database = Database(url, pool_size=1, statement_timeout_s=_ASKED_S)
    try:
        with database.reading() as connection:
            in_force_ms = connection.execute(_IN_FORCE).scalar_one()
    except OperationalError as error:
        if _UNSUPPORTED in str(error):
            raise TimeoutsIgnored(f"the server refuses connections that set timeouts; {_CURE}") from None
        raise
    finally:
        database.dispose()
    if in_force_ms != _ASKED_S * 1000:
        figures = f"asked for {_ASKED_S} s, in force: {in_force_ms / 1000:g} s"
        raise TimeoutsIgnored(f"the server ignores statement_timeout ({figures}); {_CURE}")
