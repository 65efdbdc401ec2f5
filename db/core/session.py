"""Connections and transactions; each process creates its engine after the fork and shares it with no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session, sessionmaker

__all__ = ["CONNECT_TIMEOUT_S", "Database", "Session"]

CONNECT_TIMEOUT_S = 3


class Database:
    """Pool of connections, with the ways to open a transaction, a snapshot or a plain connection."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        statement_timeout_s: float = 30,
        lock_timeout_s: float = 5,
        idle_timeout_s: float = 30,
        connect_timeout_s: int = CONNECT_TIMEOUT_S,
    ) -> None:
        # A process that hangs within a transaction would keep its locks for ever, so the server ends such sessions.
        milliseconds = {
            "statement_timeout": statement_timeout_s * 1000,
            "lock_timeout": lock_timeout_s * 1000,
            "idle_in_transaction_session_timeout": idle_timeout_s * 1000,
        }
        options = "-c timezone=UTC " + " ".join(f"-c {name}={int(value)}" for name, value in milliseconds.items())
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=connect_timeout_s,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": connect_timeout_s,
                "options": options,
                "fallback_application_name": "orchestrator",
            },
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session with a transaction; commit it at the end, roll it back when the block raises."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Open a read-only transaction in which all queries see the same state; however long, it blocks no writer."""
        with self.transaction() as session:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            yield session

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection in autocommit mode, which saves a read the round trips of BEGIN and COMMIT."""
        with self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def dispose(self) -> None:
        """Close all connections of this process."""
        self.engine.dispose()
