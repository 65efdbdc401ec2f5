"""Watch for the commit of both decisions of a signal, through a trigger that benchmarks add to their own database."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self
from uuid import UUID

import psycopg

from config.settings import Settings

_CHANNEL = "bench_decided"
_WAKE_S = 0.1
# One notification per transaction and experiment: the stage writes both decisions in one transaction.
_TRIGGER = f"""
    CREATE FUNCTION bench_decided() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('{_CHANNEL}', NEW.experiment_id::text); RETURN NULL; END $$;
    CREATE TRIGGER bench_decided AFTER INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION bench_decided()
"""


class DecisionWatch:
    """Recorder of the Unix time at which each experiment's decisions were committed, while the block lasts."""

    def __init__(self, settings: Settings) -> None:
        self.seen_at: dict[UUID, float] = {}
        self._connection = psycopg.connect(settings.database_url or "", autocommit=True)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="bench-watch", daemon=True)

    def __enter__(self) -> Self:
        """Add the trigger, and begin to listen for its notifications."""
        self._connection.execute(_TRIGGER)
        self._connection.execute(f"LISTEN {_CHANNEL}")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop listening and remove the trigger."""
        self._ended.set()
        self._thread.join()
        self._connection.execute("DROP FUNCTION bench_decided CASCADE")
        self._connection.close()

    def _listen(self) -> None:
        """Record the time of each notification, by the experiment id in it."""
        while not self._ended.is_set():
            for notification in self._connection.notifies(timeout=_WAKE_S):
                self.seen_at.setdefault(UUID(notification.payload), time.time())
