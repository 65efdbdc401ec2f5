"""The writer: one thread per web process that commits waiting messages together and then releases their requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

import structlog

from app.web.queue_thread import QueueFull, QueueThread
from app.webhook.publisher import Publisher
from db import alert_bars, intake, webhook_events
from db.alert_bars import BarReceipt
from db.core.errors import DBAPIError, InterfaceError, OperationalError, PoolTimeout, is_outage
from db.core.session import Database
from db.intake import Arrival, Receipt
from db.webhook_events import EventReceipt, WebhookEvent
from domain.bar_messages import BarMessage

BATCH = 64
_MAX_WAITING = 1024

log = structlog.get_logger()
WriteEntry: TypeAlias = Arrival | WebhookEvent | BarMessage
WriteResult: TypeAlias = Receipt | BarReceipt | EventReceipt
Failpoint = Callable[[str, Collection[UUID]], None]


class WriterUnavailable(RuntimeError):
    """The database did not commit the message in time; the sender may send it again."""


class RowRefused(ValueError):
    """The database refuses this row, also when it is written alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _WriteJob:
    """An arrival or event to be stored, and the promise that its request waits for."""

    entry: WriteEntry
    promise: Future[WriteResult] = field(default_factory=Future)


class Writer:
    """Stores arrivals and events in batches; `submit` may be called from any thread.

    At most `max_waiting` entries wait for the database. `failpoint`, for tests of failures, is called with a name and
    the new signals before their commit, after it, and after their requests were released.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_waiting: int = _MAX_WAITING,
        failpoint: Failpoint | None = None,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._now = now
        self._failpoint = failpoint
        self._jobs: QueueThread[_WriteJob] = QueueThread("writer", self._store_batch, capacity=max_waiting, batch=BATCH)

    def read_clock(self) -> datetime:
        """Return the time that entries written now are received at."""
        return self._now()

    def submit(self, entry: WriteEntry) -> Future[WriteResult]:
        """Queue one entry. The future resolves after the commit: with a receipt.

        The future raises RowRefused when the database refuses this row, WriterUnavailable when it cannot commit.

        Raises:
            WriterUnavailable: when too many entries are waiting already.
        """
        job = _WriteJob(entry=entry)
        try:
            self._jobs.put(job)
        except QueueFull:
            raise WriterUnavailable("too much is waiting to be written") from None
        return job.promise

    def close(self) -> None:
        """Write and publish the waiting entries, stop the threads, and close the database's connections."""
        self._jobs.close()
        self._publisher.close()
        self._database.dispose()

    def _store_batch(self, jobs: Sequence[_WriteJob]) -> None:
        running = [job for job in jobs if job.promise.set_running_or_notify_cancel()]
        if running:
            self._write_batch(running)

    def _write_batch(self, batch: Sequence[_WriteJob]) -> None:
        """Commit a batch and resolve the promises of its requests."""
        try:
            results = self._commit_batch(batch)
        except Exception as error:  # noqa: BLE001 - after any error every request of the batch must get its answer
            self._fail_or_split(batch, error)
        else:
            self._release_requests(batch, results)

    def _commit_batch(self, batch: Sequence[_WriteJob]) -> list[WriteResult]:
        """Write a batch in one transaction and return the receipts in its order."""
        arrivals = [job.entry for job in batch if isinstance(job.entry, Arrival)]
        events = [job.entry for job in batch if isinstance(job.entry, WebhookEvent)]
        fed = [job.entry for job in batch if isinstance(job.entry, BarMessage)]
        with self._database.transaction() as session:
            receipts = intake.record(session, arrivals, now=self._now()) if arrivals else []
            event_receipts = webhook_events.record(session, events, now=self._now()) if events else []
            bar_receipts = alert_bars.record_fed(session, fed, now=self._now()) if fed else []
            self._run_failpoint("writer.committing", receipts)
        self._run_failpoint("writer.committed", receipts)
        return _in_order(batch, receipts, bar_receipts, event_receipts)

    def _fail_or_split(self, batch: Sequence[_WriteJob], error: Exception) -> None:
        """Fail the batch when the database is unavailable; else write each row alone, so that only a bad one fails."""
        if _is_outage(error):
            log.warning("writer.unavailable", count=len(batch), error=type(error).__name__)
            _fail_jobs(batch, WriterUnavailable("the database did not take it"))
        elif len(batch) == 1:
            log.error("writer.row_refused", error=_describe_error(error))
            _fail_jobs(batch, RowRefused(_describe_error(error)))
        else:
            log.warning("writer.batch_split", count=len(batch), error=_describe_error(error))
            for job in batch:
                self._write_batch([job])

    def _release_requests(self, batch: Sequence[_WriteJob], results: Sequence[WriteResult]) -> None:
        """Resolve the promises of a committed batch and publish its new signals."""
        for job, result in zip(batch, results, strict=True):
            job.promise.set_result(result)
        self._run_failpoint("writer.released", results)
        if new := _new_signal_ids(results):
            self._publisher.publish(new)

    def _run_failpoint(self, name: str, results: Sequence[WriteResult]) -> None:
        if self._failpoint is not None:
            self._failpoint(name, _new_signal_ids(results))


def _in_order(
    batch: Sequence[_WriteJob],
    receipts: Sequence[Receipt],
    bar_receipts: Sequence[BarReceipt],
    event_receipts: Sequence[EventReceipt],
) -> list[WriteResult]:
    """Return the result of each entry of a batch."""
    next_receipt, next_bar_receipt, next_event_receipt = iter(receipts), iter(bar_receipts), iter(event_receipts)
    results = list[WriteResult]()
    for job in batch:
        match job.entry:
            case Arrival():
                results.append(next(next_receipt))
            case BarMessage():
                results.append(next(next_bar_receipt))
            case WebhookEvent():
                results.append(next(next_event_receipt))
    return results


def _new_signal_ids(results: Sequence[WriteResult]) -> list[UUID]:
    return [receipt.signal_id for receipt in results if isinstance(receipt, Receipt) and receipt.is_new]


def _is_outage(error: Exception) -> bool:
    return is_outage(error) or isinstance(error, OperationalError | InterfaceError | PoolTimeout)


def _describe_error(error: Exception) -> str:
    """Name the error and the constraint that was violated; never the row, which may hold a secret."""
    if isinstance(error, DBAPIError):
        diagnosis = getattr(error.orig, "diag", None)
        name = getattr(diagnosis, "constraint_name", None) or getattr(error.orig, "sqlstate", None)
        return f"{type(error.orig).__name__} {name or ''}".strip()
    return type(error).__name__


def _fail_jobs(batch: Sequence[_WriteJob], error: Exception) -> None:
    for job in batch:
        job.promise.set_exception(error)
