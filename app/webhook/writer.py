"""The writer: one thread per web process that commits together what is waiting, and only then releases the requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog

from app.web.queue_thread import Background, QueueFull
from app.webhook.publisher import Publisher
from db import intake, webhook_events
from db.core.errors import DBAPIError, InterfaceError, OperationalError, PoolTimeout
from db.core.session import Database
from db.intake import Arrival, Receipt
from db.webhook_events import WebhookEvent

BATCH = 64
_WAITING = 1024

log = structlog.get_logger()
Reach = Callable[[str, Collection[UUID]], None]


class WriterUnavailable(RuntimeError):
    """The database did not take it in time; nothing is promised, the sender may send again."""


class RowRefused(ValueError):
    """The database refuses this very row, alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One thing to be stored, and the promise that its request waits for."""

    entry: Arrival | WebhookEvent
    promise: Future[Receipt | None] = field(default_factory=Future)


class Writer:
    """Stores arrivals and events; `submit` may be called from any thread, and takes no more than may be `waiting`.

    `reach` is called with the new signals before their commit, after it, and after their requests were released.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        waiting: int = _WAITING,
        reach: Reach | None = None,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._now = now
        self._reach = reach
        self._jobs: Background[_Job] = Background("writer", self._store, waiting=waiting, batch=BATCH)

    def submit(self, entry: Arrival | WebhookEvent) -> Future[Receipt | None]:
        """Hand in one entry. The future resolves after the commit: with a receipt, or None for an event.

        It raises RowRefused when the database refuses this row, WriterUnavailable when it takes none.

        Raises:
            WriterUnavailable: when too much is waiting already.
        """
        job = _Job(entry=entry)
        try:
            self._jobs.put(job)
        except QueueFull:
            raise WriterUnavailable("too much is waiting to be written") from None
        return job.promise

    def close(self) -> None:
        """Write and announce what is waiting, end the threads, and let go of the database."""
        self._jobs.close()
        self._publisher.close()
        self._database.dispose()

    def _store(self, jobs: Sequence[_Job]) -> None:
        wanted = [job for job in jobs if job.promise.set_running_or_notify_cancel()]
        if wanted:
            self._write(wanted)

    def _write(self, batch: Sequence[_Job]) -> None:
        try:
            results = self._commit(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, every request of the batch must get its answer
            self._answer_failure(batch, error)
        else:
            self._release(batch, results)

    def _commit(self, batch: Sequence[_Job]) -> list[Receipt | None]:
        arrivals = [job.entry for job in batch if isinstance(job.entry, Arrival)]
        events = [job.entry for job in batch if isinstance(job.entry, WebhookEvent)]
        with self._database.transaction() as session:
            receipts = intake.record(session, arrivals, now=self._now()) if arrivals else []
            if events:
                webhook_events.record(session, events, now=self._now())
            self._pass("writer.committing", receipts)
        self._pass("writer.committed", receipts)
        taken = iter(receipts)
        return [next(taken) if isinstance(job.entry, Arrival) else None for job in batch]

    def _answer_failure(self, batch: Sequence[_Job], error: Exception) -> None:
        """Tell all that the database is away; or, when one row may be bad, repeat row by row to find it."""
        if _is_unavailable(error):
            log.warning("writer.unavailable", count=len(batch), error=type(error).__name__)
            _fail(batch, WriterUnavailable("the database did not take it"))
        elif len(batch) == 1:
            log.error("writer.row_refused", error=_reason(error))
            _fail(batch, RowRefused(_reason(error)))
        else:
            log.warning("writer.batch_split", count=len(batch), error=_reason(error))
            for job in batch:
                self._write([job])

    def _release(self, batch: Sequence[_Job], results: Sequence[Receipt | None]) -> None:
        for job, result in zip(batch, results, strict=True):
            job.promise.set_result(result)
        self._pass("writer.released", results)
        if new := _new(results):
            self._publisher.publish(new)

    def _pass(self, name: str, results: Sequence[Receipt | None]) -> None:
        if self._reach is not None:
            self._reach(name, _new(results))


def _new(results: Sequence[Receipt | None]) -> list[UUID]:
    return [one.signal_id for one in results if one is not None and one.is_new]


def _is_unavailable(error: Exception) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError | PoolTimeout)


def _reason(error: Exception) -> str:
    """Name the rule that was broken; never the row, which may hold a secret."""
    if isinstance(error, DBAPIError):
        diagnosis = getattr(error.orig, "diag", None)
        named = getattr(diagnosis, "constraint_name", None) or getattr(error.orig, "sqlstate", None)
        return f"{type(error.orig).__name__} {named or ''}".strip()
    return type(error).__name__


def _fail(batch: Sequence[_Job], error: Exception) -> None:
    for job in batch:
        job.promise.set_exception(error)
