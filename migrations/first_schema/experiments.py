"""Tables of the first schema: studies, policy versions, experiments with decisions and policies, failed tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


def create_policy_versions() -> None:
    """Create the table `policy_versions`."""
    op.create_table(
        "policy_versions",
        sa.Column("policy_version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("split_ppm", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "mode IN ('SHADOW_ONLY', 'ENGINE_A_PRIMARY', 'ENGINE_B_PRIMARY', 'SPLIT_CAPITAL', 'VARIANT_PRIMARY')",
            name=op.f("ck_policy_versions_mode_known"),
        ),
        sa.CheckConstraint("split_ppm BETWEEN 0 AND 1000000", name=op.f("ck_policy_versions_split_is_a_share")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_policy_versions_book")),
        sa.PrimaryKeyConstraint("policy_version_id", name=op.f("pk_policy_versions")),
        sa.UniqueConstraint("book", "label", name=op.f("uq_policy_versions_book_label")),
    )


def create_studies() -> None:
    """Create the table `studies`."""
    op.create_table(
        "studies",
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("horizon_sessions", sa.Integer(), nullable=False),
        sa.Column("exit_clock", sa.Text(), nullable=False),
        sa.Column("alpha", sa.Numeric(), nullable=False),
        sa.Column("engine_a", sa.Text(), nullable=False),
        sa.Column("engine_b", sa.Text(), nullable=False),
        sa.Column("fill_model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("exit_clock IN ('synchronized', 'own')", name=op.f("ck_studies_exit_clock_known")),
        sa.CheckConstraint("status IN ('running', 'closed')", name=op.f("ck_studies_status_known")),
        sa.CheckConstraint("alpha > 0 AND alpha < 1", name=op.f("ck_studies_alpha_is_a_probability")),
        sa.CheckConstraint("horizon_sessions > 0", name=op.f("ck_studies_horizon_positive")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_studies_book")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_studies")),
        sa.UniqueConstraint("book", "name", name=op.f("uq_studies_book_name")),
    )
    op.create_index(
        "uq_studies_one_running", "studies", ["book"], unique=True, postgresql_where=sa.text("status = 'running'")
    )


def create_experiments() -> None:
    """Create the table `experiments`."""
    op.create_table(
        "experiments",
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("assignment_hash", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("split_percentage", sa.Numeric(), nullable=False),
        sa.Column("first_asked", sa.Text(), nullable=False),
        sa.Column("reference_notional", sa.Numeric(), nullable=False),
        sa.Column("policy_version_id", sa.BigInteger(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("first_asked IN ('A', 'B')", name=op.f("ck_experiments_first_asked_known")),
        sa.CheckConstraint("variant IN ('A', 'B')", name=op.f("ck_experiments_variant_known")),
        sa.CheckConstraint("bucket BETWEEN 0 AND 999999", name=op.f("ck_experiments_bucket_known")),
        sa.CheckConstraint("reference_notional > 0", name=op.f("ck_experiments_notional_positive")),
        sa.CheckConstraint("split_percentage BETWEEN 0 AND 1", name=op.f("ck_experiments_split_is_a_share")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_versions.policy_version_id"], name=op.f("fk_experiments_policy_version_id")
        ),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.signal_id"], name=op.f("fk_experiments_signal_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_experiments_study_id")),
        sa.PrimaryKeyConstraint("experiment_id", name=op.f("pk_experiments")),
        sa.UniqueConstraint("signal_id", name=op.f("uq_experiments_signal_id")),
    )
    op.create_index(op.f("ix_experiments_study_id"), "experiments", ["study_id"], unique=False)


def create_task_failures() -> None:
    """Create the table `task_failures`."""
    op.create_table(
        "task_failures",
        sa.Column("failure_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("traceback_hash", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.signal_id"], name=op.f("fk_task_failures_signal_id")),
        sa.PrimaryKeyConstraint("failure_id", name=op.f("pk_task_failures")),
    )
    op.create_index("ix_task_failures_signal_id", "task_failures", ["signal_id"], unique=False)


def create_decisions() -> None:
    """Create the table `decisions`."""
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("engine_name", sa.Text(), nullable=False),
        sa.Column("engine_version", sa.Text(), nullable=False),
        sa.Column("context_hash", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=True),
        sa.Column("stop", sa.Numeric(), nullable=True),
        sa.Column("plan", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("confidence", sa.Numeric(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("rationale", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("latency_ms", sa.Numeric(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(action = 'ENTER') = (plan IS NOT NULL)", name=op.f("ck_decisions_enter_has_plan")),
        sa.CheckConstraint("action IN ('ENTER', 'HOLD', 'REJECT', 'ERROR')", name=op.f("ck_decisions_action_known")),
        sa.CheckConstraint("engine IN ('A', 'B')", name=op.f("ck_decisions_engine_known")),
        sa.CheckConstraint("side IN ('long', 'short')", name=op.f("ck_decisions_side_known")),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.experiment_id"], name=op.f("fk_decisions_experiment_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("experiment_id", "engine", name=op.f("uq_decisions_experiment_id_engine")),
    )


def create_execution_policies() -> None:
    """Create the table `execution_policies`."""
    op.create_table(
        "execution_policies",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("execution_mode", sa.Text(), nullable=False),
        sa.Column("executed_engine", sa.Text(), nullable=False),
        sa.Column("shadow_engine", sa.Text(), nullable=False),
        sa.Column("allocations", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "executed_engine <> 'BOTH' OR execution_mode = 'SPLIT_CAPITAL'",
            name=op.f("ck_execution_policies_both_only_when_split"),
        ),
        sa.CheckConstraint(
            "executed_engine IN ('A', 'B', 'BOTH', 'NONE')", name=op.f("ck_execution_policies_executed_known")
        ),
        sa.CheckConstraint(
            "execution_mode <> 'ENGINE_A_PRIMARY' OR executed_engine = 'A'",
            name=op.f("ck_execution_policies_a_primary_executes_a"),
        ),
        sa.CheckConstraint(
            "execution_mode <> 'ENGINE_B_PRIMARY' OR executed_engine = 'B'",
            name=op.f("ck_execution_policies_b_primary_executes_b"),
        ),
        sa.CheckConstraint(
            "execution_mode <> 'SHADOW_ONLY' OR executed_engine = 'NONE'",
            name=op.f("ck_execution_policies_shadow_only_executes_none"),
        ),
        sa.CheckConstraint(
            "execution_mode IN ('SHADOW_ONLY', 'ENGINE_A_PRIMARY', 'ENGINE_B_PRIMARY', 'SPLIT_CAPITAL',"
            " 'VARIANT_PRIMARY')",
            name=op.f("ck_execution_policies_execution_mode_known"),
        ),
        sa.CheckConstraint(
            "shadow_engine IN ('A', 'B', 'BOTH', 'NONE')", name=op.f("ck_execution_policies_shadow_known")
        ),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.experiment_id"], name=op.f("fk_execution_policies_experiment_id")
        ),
        sa.PrimaryKeyConstraint("policy_id", name=op.f("pk_execution_policies")),
        sa.UniqueConstraint("experiment_id", name=op.f("uq_execution_policies_experiment_id")),
    )
