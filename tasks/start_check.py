"""A start of the product, compared with the mark beside the data: a database that lacks the mark is an older one."""

from __future__ import annotations

import structlog

from config.settings import Settings
from db import database_starts
from db.core.session import Database
from tasks import venue_mark

log = structlog.get_logger()


def note_start(settings: Settings, database: Database) -> None:
    """Append this start; when the database lacks the event that was sent last, pause and open an incident."""
    mark = venue_mark.read(settings.data_dir)
    with database.transaction() as session:
        if mark is None or database_starts.has_mark(session, mark):
            database_starts.record(session)
            return
        why = f"it lacks event {mark.event_id}, the newest that was sent to the venue from this data directory"
        database_starts.report_restored(session, why=why)
        newest = database_starts.load_mark(session)
    log.error("incident.opened", kind=database_starts.RESTORED, why=why)
    venue_mark.replace(settings.data_dir, newest)
