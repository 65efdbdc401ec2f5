"""Tables of experiments: studies, policies, experiments, decisions and failed attempts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, one_of
from domain.decision import EngineSlot, Verdict
from domain.policy import ExecutionMode
from domain.signal import Direction
from domain.study import ExitClock

ENGINES = "('A', 'B', 'BOTH', 'NONE')"


class StudyRow(Base):
    """A pre-registered comparison; one runs per book."""

    __tablename__ = "studies"
    __table_args__ = (
        one_of("exit_clock", ExitClock),
        CheckConstraint("status IN ('running', 'closed')", name="status_known"),
        CheckConstraint("horizon_sessions > 0", name="horizon_positive"),
        CheckConstraint("alpha > 0 AND alpha < 1", name="alpha_is_a_probability"),
        UniqueConstraint("book", "name"),
        Index("uq_studies_one_running", "book", unique=True, postgresql_where=text("status = 'running'")),
    )

    study_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    salt: Mapped[str]
    horizon_sessions: Mapped[int]
    exit_clock: Mapped[str]
    alpha: Mapped[Decimal]
    engine_a: Mapped[str]
    engine_b: Mapped[str]
    fill_model: Mapped[str]
    bars_needed_a: Mapped[int | None]
    bars_needed_b: Mapped[int | None]
    status: Mapped[str] = mapped_column(server_default="running")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PolicyVersionRow(Base):
    """Policy of a book with its author and reason, append-only; the newest version is in force."""

    __tablename__ = "policy_versions"
    __table_args__ = (
        one_of("mode", ExecutionMode),
        CheckConstraint("split_ppm BETWEEN 0 AND 1000000", name="split_is_a_share"),
        CheckConstraint("paused OR NOT flatten", name="flatten_is_paused"),
        UniqueConstraint("book", "label"),
    )

    policy_version_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    label: Mapped[str]
    mode: Mapped[str]
    split_ppm: Mapped[int]
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    flatten: Mapped[bool] = mapped_column(server_default=text("false"))
    set_by: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PolicyEnvironmentRow(Base):
    """Value of a variable of the policy that a start of the book's instance saw last; only a changed one counts."""

    __tablename__ = "policy_environment"
    __table_args__ = (
        CheckConstraint("variable IN ('EXECUTION_MODE', 'POLICY_VERSION', 'SPLIT_PERCENTAGE')", name="variable_known"),
    )

    book: Mapped[str] = mapped_column(ForeignKey("books.book"), primary_key=True)
    variable: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ExperimentRow(Base):
    """The assignment of one entry signal."""

    __tablename__ = "experiments"
    __table_args__ = (
        one_of("variant", EngineSlot),
        one_of("first_asked", EngineSlot),
        CheckConstraint("bucket BETWEEN 0 AND 999999", name="bucket_known"),
        CheckConstraint("split_percentage BETWEEN 0 AND 1", name="split_is_a_share"),
        CheckConstraint("reference_notional > 0", name="notional_positive"),
        Index("ix_experiments_created_at", "created_at", "experiment_id"),
    )

    experiment_id: Mapped[UUID] = mapped_column(primary_key=True)
    signal_id: Mapped[UUID] = mapped_column(ForeignKey("signals.signal_id"), unique=True)
    study_id: Mapped[UUID] = mapped_column(ForeignKey("studies.study_id"), index=True)
    variant: Mapped[str]
    assignment_hash: Mapped[str]
    bucket: Mapped[int]
    split_percentage: Mapped[Decimal]
    first_asked: Mapped[str]
    reference_notional: Mapped[Decimal]
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_versions.policy_version_id"))
    policy_version: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ExecutionPolicyRow(Base):
    """Resolved policy of one experiment: the engines that trade for real, and the reason."""

    __tablename__ = "execution_policies"
    __table_args__ = (
        one_of("execution_mode", ExecutionMode),
        CheckConstraint(f"executed_engine IN {ENGINES}", name="executed_known"),
        CheckConstraint(f"shadow_engine IN {ENGINES}", name="shadow_known"),
        CheckConstraint(
            "execution_mode <> 'SHADOW_ONLY' OR executed_engine = 'NONE'", name="shadow_only_executes_none"
        ),
        CheckConstraint("executed_engine <> 'BOTH' OR execution_mode = 'SPLIT_CAPITAL'", name="both_only_when_split"),
        CheckConstraint("execution_mode <> 'ENGINE_A_PRIMARY' OR executed_engine = 'A'", name="a_primary_executes_a"),
        CheckConstraint("execution_mode <> 'ENGINE_B_PRIMARY' OR executed_engine = 'B'", name="b_primary_executes_b"),
    )

    policy_id: Mapped[UUID] = mapped_column(primary_key=True)
    experiment_id: Mapped[UUID] = mapped_column(ForeignKey("experiments.experiment_id"), unique=True)
    execution_mode: Mapped[str]
    executed_engine: Mapped[str]
    shadow_engine: Mapped[str]
    allocations: Mapped[dict[str, Any]]
    reason: Mapped[str]
    policy_version: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DecisionRow(Base):
    """Answer of an engine, unmodified; parts of the plan are also columns, the rationale is the engine's document."""

    __tablename__ = "decisions"
    __table_args__ = (
        one_of("engine", EngineSlot),
        one_of("action", Verdict),
        one_of("side", Direction),
        CheckConstraint("(action = 'ENTER') = (plan IS NOT NULL)", name="enter_has_plan"),
        UniqueConstraint("experiment_id", "engine"),
    )

    decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    experiment_id: Mapped[UUID] = mapped_column(ForeignKey("experiments.experiment_id"))
    engine: Mapped[str]
    engine_name: Mapped[str]
    engine_version: Mapped[str]
    context_hash: Mapped[str]
    action: Mapped[str]
    side: Mapped[str | None]
    quantity: Mapped[Decimal | None]
    stop: Mapped[Decimal | None]
    plan: Mapped[dict[str, Any] | None]
    confidence: Mapped[Decimal | None]
    reasons: Mapped[list[Any]]
    rationale: Mapped[dict[str, Any]]
    latency_ms: Mapped[Decimal]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TaskFailureRow(Base):
    """A failed attempt at a stage; the row with `dead` true is the dead letter."""

    __tablename__ = "task_failures"
    __table_args__ = (Index("ix_task_failures_signal_id", "signal_id"),)

    failure_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    signal_id: Mapped[UUID] = mapped_column(ForeignKey("signals.signal_id"))
    stage: Mapped[str]
    error: Mapped[str]
    traceback_hash: Mapped[str]
    attempt: Mapped[int]
    dead: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
