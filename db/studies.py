"""Studies: one runs per book; when a version that it compares changes, it is closed and the next one opened."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core.listing import Columns, PageQuery, SortKey
from domain.study import DEFAULT_ALPHA, LONGEST_HORIZON_SESSIONS, ExitClock, Study

_COLUMNS = "study_id, name, book, salt, horizon_sessions, exit_clock, alpha"
_SELECT = f"""
    SELECT {_COLUMNS}, engine_a, engine_b, fill_model, status, created_at,
           (SELECT count(*) FROM experiments WHERE experiments.study_id = studies.study_id) AS experiments
    FROM studies
"""
STUDIES = PageQuery(
    select=_SELECT,
    conditions={"book": "book = :book"},
    order=(
        SortKey(column="created_at", kind=datetime, sql="created_at"),
        SortKey(column="study_id", kind=UUID, sql="study_id"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedVersions:
    """Versions of the engines and the fill model that a study compares; when one changes the study ends.

    `bars_needed_a` and `bars_needed_b` are how many closed bars the engines need, None where one does not say.
    `horizon_sessions` is that of a new study, by the longest plan that the engines may return.
    """

    engine_a: str
    engine_b: str
    fill_model: str
    bars_needed_a: int | None = None
    bars_needed_b: int | None = None
    horizon_sessions: int = LONGEST_HORIZON_SESSIONS


def ensure_running(session: Session, book: str, versions: ComparedVersions) -> Study:
    """Return the book's running study; one whose versions differ is closed and followed by a new one."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('study:' || :book, 0))"), {"book": book})
    query = text(
        f"SELECT {_COLUMNS}, engine_a, engine_b, fill_model FROM studies WHERE book = :book AND status = 'running'"
    )
    row = session.execute(query, {"book": book}).mappings().one_or_none()
    if row is not None and (row["engine_a"], row["engine_b"], row["fill_model"]) == (
        versions.engine_a,
        versions.engine_b,
        versions.fill_model,
    ):
        _set_bars_needed(session, row["study_id"], versions)
        return build_study(row)
    session.execute(
        text("UPDATE studies SET status = 'closed' WHERE book = :book AND status = 'running'"), {"book": book}
    )
    count = session.execute(text("SELECT count(*) FROM studies WHERE book = :book"), {"book": book}).scalar_one()
    return open_new(session, book, name=f"{book}-{count + 1}", salt=secrets.token_hex(16), versions=versions)


def open_new(
    session: Session,
    book: str,
    *,
    name: str,
    salt: str,
    versions: ComparedVersions,
    study_id: UUID | None = None,
    exit_clock: ExitClock = ExitClock.OWN,
) -> Study:
    """Open a study with the default alpha, on the clock of the engines' own exits.

    On the synchronized clock both engines' trades close together, so that exits would never be compared.
    """
    study = Study(
        study_id=study_id or uuid4(),
        name=name,
        book=book,
        salt=salt,
        horizon_sessions=versions.horizon_sessions,
        exit_clock=exit_clock,
        alpha=DEFAULT_ALPHA,
    )
    _insert_study(session, study, versions)
    return study


def load_running(session: Session, books: Collection[str]) -> dict[str, Study]:
    """Return the running study of each book that has one."""
    query = text(f"SELECT {_COLUMNS} FROM studies WHERE status = 'running' AND book = ANY(:books)")
    return {row["book"]: build_study(row) for row in session.execute(query, {"books": list(set(books))}).mappings()}


def load_versions(session: Session, book: str) -> ComparedVersions:
    """Return the versions that the book's running study compares.

    Raises:
        sqlalchemy.exc.NoResultFound: when the book has no running study; a started stack has one in each standing book.
    """
    query = text(
        "SELECT engine_a, engine_b, fill_model, bars_needed_a, bars_needed_b, horizon_sessions FROM studies"
        " WHERE book = :book AND status = 'running'"
    )
    return ComparedVersions(**session.execute(query, {"book": book}).mappings().one())


def find(session: Session, study_id: UUID) -> Columns | None:
    """Return a study with its versions, its status and its number of experiments; None when it does not exist."""
    row = session.execute(text(f"{_SELECT} WHERE study_id = :id"), {"id": study_id}).mappings().one_or_none()
    return None if row is None else dict(row)


def _insert_study(session: Session, study: Study, versions: ComparedVersions) -> None:
    query = text("""
        INSERT INTO studies (study_id, name, book, salt, horizon_sessions, exit_clock, alpha,
                             engine_a, engine_b, fill_model, bars_needed_a, bars_needed_b)
        VALUES (:study_id, :name, :book, :salt, :horizon_sessions, :clock, :alpha, :engine_a, :engine_b, :fill_model,
                :bars_needed_a, :bars_needed_b)
    """)
    session.execute(
        query,
        {
            "study_id": study.study_id,
            "name": study.name,
            "book": study.book,
            "salt": study.salt,
            "clock": study.exit_clock.value,
            "alpha": study.alpha,
            **asdict(versions),
        },
    )


def _set_bars_needed(session: Session, study_id: UUID, versions: ComparedVersions) -> None:
    """Store how many bars the engines need, which an engine that was slow to start did not say the last time."""
    query = text("""
        UPDATE studies SET bars_needed_a = coalesce(:a, bars_needed_a), bars_needed_b = coalesce(:b, bars_needed_b)
        WHERE study_id = :study_id
    """)
    session.execute(query, {"study_id": study_id, "a": versions.bars_needed_a, "b": versions.bars_needed_b})


def build_study(row: RowMapping) -> Study:
    """Return the study of a row of `studies`."""
    return Study(
        study_id=row["study_id"],
        name=row["name"],
        book=row["book"],
        salt=row["salt"],
        horizon_sessions=row["horizon_sessions"],
        exit_clock=ExitClock(row["exit_clock"]),
        alpha=row["alpha"],
    )
