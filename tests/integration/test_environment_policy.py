"""What a start does to policies: absence decides nothing, and a value of the environment counts once."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from db.core.session import Database
from domain.policy import ExecutionMode
from operations import environment_policy, policy
from operations.audit_entry import AuditContext
from operations.policy import PolicyRequest
from tasks import pipeline
from tests.support.pipeline import rows, settings_for

NEWEST = """
    SELECT DISTINCT ON (book) book, label, mode, split_ppm, paused, set_by FROM policy_versions
    ORDER BY book, policy_version_id DESC
"""


class Instance:
    """An instance that is started again and again, with other variables each time."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self.database = Database(settings_for(database_url, "redis://127.0.0.1:1").sqlalchemy_url, pool_size=1)

    def start(self, **environ: str) -> list[str]:
        """Prepare the database as `up` and `migrate` do, and return the lines that are printed."""
        settings = settings_for(self._url, "redis://127.0.0.1:1", **environ)
        pipeline.prepare(settings)
        return environment_policy.apply(settings, at=datetime.now(UTC))

    def set(self, book: str = "paper", **request: Any) -> None:
        """Set a policy as a person does."""
        self.act(policy.set_policy, book, PolicyRequest(**request))

    def act(self, operation: Callable[..., Any], *arguments: Any) -> None:
        """Carry out an operation as a person does."""
        with self.database.transaction() as session:
            operation(session, *arguments, audit=AuditContext(actor="anna", reason="a test", at=datetime.now(UTC)))

    def policy(self, book: str = "paper") -> dict[str, Any]:
        """Return the policy in force of a book."""
        return next(row for row in rows(self.database, NEWEST) if row["book"] == book)

    def modes(self) -> dict[str, str]:
        """Return the mode in force of each book."""
        return {row["book"]: row["mode"] for row in rows(self.database, NEWEST)}


@pytest.fixture
def instance(database_url: str) -> Iterator[Instance]:
    made = Instance(database_url)
    yield made
    made.database.dispose()


def test_unset_variables_change_nothing(instance: Instance) -> None:
    instance.start(EXECUTION_MODE="SHADOW_ONLY", SPLIT_PERCENTAGE="0.3", POLICY_VERSION="autumn")
    before = rows(instance.database, NEWEST)

    lines = instance.start()

    assert rows(instance.database, NEWEST) == before
    assert {row["mode"] for row in before} == {"SHADOW_ONLY"}
    assert lines == []


def test_one_unset_variable_does_not_take_its_default_when_another_one_changes(instance: Instance) -> None:
    instance.start(EXECUTION_MODE="SHADOW_ONLY", SPLIT_PERCENTAGE="0.3")

    lines = instance.start(SPLIT_PERCENTAGE="0.4")

    assert set(instance.modes().values()) == {"SHADOW_ONLY"}
    assert {row["split_ppm"] for row in rows(instance.database, NEWEST)} == {400_000}
    change = "SPLIT_PERCENTAGE=0.4: v1 (SHADOW_ONLY, split 0.3) -> v1.2 (SHADOW_ONLY, split 0.4)"
    assert lines == [f"policy of {book} changed by {change}" for book in ("live", "paper", "test")]


def test_a_value_that_was_there_before_does_not_undo_what_a_person_set(instance: Instance) -> None:
    instance.start(EXECUTION_MODE="ENGINE_A_PRIMARY")
    instance.set(mode=ExecutionMode.ENGINE_B_PRIMARY)

    instance.start()
    lines = instance.start(EXECUTION_MODE="ENGINE_A_PRIMARY")

    assert instance.policy()["mode"] == "ENGINE_B_PRIMARY"
    (line,) = lines
    assert line == (
        "policy of paper stays v1.2 (ENGINE_B_PRIMARY, split 0.5): EXECUTION_MODE=ENGINE_A_PRIMARY does not change it,"
        " `orchestrator policy set --book paper --mode ENGINE_A_PRIMARY --reason ...` does"
    )


def test_a_changed_mode_is_set_stands_in_the_audit_log_and_spares_the_live_book(instance: Instance) -> None:
    instance.start(EXECUTION_MODE="ENGINE_A_PRIMARY")

    lines = instance.start(EXECUTION_MODE="ENGINE_B_PRIMARY")

    changed = "v1 (ENGINE_A_PRIMARY, split 0.5) -> v1.2 (ENGINE_B_PRIMARY, split 0.5)"
    assert instance.modes() == {"live": "ENGINE_A_PRIMARY", "paper": "ENGINE_B_PRIMARY", "test": "ENGINE_B_PRIMARY"}
    assert lines[0] == (
        "policy of live stays v1 (ENGINE_A_PRIMARY, split 0.5): EXECUTION_MODE=ENGINE_B_PRIMARY does not change it,"
        " `orchestrator policy set --book live --mode ENGINE_B_PRIMARY --reason ...` does"
    )
    assert lines[1:] == [
        f"policy of paper changed by EXECUTION_MODE=ENGINE_B_PRIMARY: {changed}",
        f"policy of test changed by EXECUTION_MODE=ENGINE_B_PRIMARY: {changed}",
    ]
    assert rows(instance.database, "SELECT actor, action, subject, reason FROM audit_log ORDER BY entry_id") == [
        {"actor": "environment", "action": "policy.set", "subject": book, "reason": "EXECUTION_MODE=ENGINE_B_PRIMARY"}
        for book in ("paper", "test")
    ]


def test_no_start_makes_a_book_trade_for_real_that_a_person_put_to_shadow_only(instance: Instance) -> None:
    instance.start(EXECUTION_MODE="ENGINE_A_PRIMARY")
    instance.set(mode=ExecutionMode.SHADOW_ONLY)

    instance.start(EXECUTION_MODE="ENGINE_B_PRIMARY")
    lines = instance.start(EXECUTION_MODE="ENGINE_B_PRIMARY", POLICY_VERSION="v2")

    assert (instance.policy()["mode"], instance.policy()["label"]) == ("SHADOW_ONLY", "v2")
    assert "policy of paper stays v2 (SHADOW_ONLY, split 0.5): EXECUTION_MODE=ENGINE_B_PRIMARY" in " ".join(lines)


def test_a_mode_that_the_environment_made_shadow_only_is_changed_by_it_too(instance: Instance) -> None:
    instance.start(EXECUTION_MODE="SHADOW_ONLY")

    instance.start(EXECUTION_MODE="ENGINE_A_PRIMARY")

    assert instance.policy()["mode"] == "ENGINE_A_PRIMARY"


def test_a_book_that_was_paused_stays_paused(instance: Instance) -> None:
    instance.start()
    instance.act(policy.pause, "paper")

    lines = instance.start(EXECUTION_MODE="ENGINE_B_PRIMARY")

    assert (instance.policy()["mode"], instance.policy()["paused"]) == ("ENGINE_B_PRIMARY", True)
    assert "-> v1.3 (ENGINE_B_PRIMARY, split 0.5, paused)" in " ".join(lines)


@pytest.mark.parametrize("label", ["winter", "1.2"])
def test_the_version_alone_relabels(instance: Instance, label: str) -> None:
    instance.start(EXECUTION_MODE="SHADOW_ONLY")

    lines = instance.start(POLICY_VERSION=label)
    again = instance.start(POLICY_VERSION=label)

    assert (instance.policy("live")["label"], instance.policy("live")["mode"]) == (label, "SHADOW_ONLY")
    assert lines[0] == (
        f"policy of live changed by POLICY_VERSION={label}: v1 (SHADOW_ONLY, split 0.5) ->"
        f" {label} (SHADOW_ONLY, split 0.5)"
    )
    assert again == []


def test_the_first_start_sets_what_the_environment_says_and_nothing_twice(instance: Instance) -> None:
    lines = instance.start(EXECUTION_MODE="VARIANT_PRIMARY", SPLIT_PERCENTAGE="0.25", POLICY_VERSION="1.2")

    assert lines == []
    assert rows(instance.database, "SELECT DISTINCT label, mode, split_ppm FROM policy_versions") == [
        {"label": "1.2", "mode": "VARIANT_PRIMARY", "split_ppm": 250_000}
    ]


def test_what_an_older_version_of_the_product_set_counts_as_seen(instance: Instance) -> None:
    environ = {"EXECUTION_MODE": "SPLIT_CAPITAL", "SPLIT_PERCENTAGE": "0.25", "POLICY_VERSION": "autumn"}
    instance.start(**environ)
    seen = rows(instance.database, "SELECT book, variable, value FROM policy_environment ORDER BY book, variable")
    migration = importlib.import_module("migrations.versions.0016_policy_environment")
    with instance.database.transaction() as session:
        session.execute(text("DELETE FROM policy_environment"))
        session.execute(text(migration.SEEN_SO_FAR))

    assert len(seen) == 9
    assert seen == rows(
        instance.database, "SELECT book, variable, value FROM policy_environment ORDER BY book, variable"
    )


def test_a_start_prints_what_it_changes_and_names_a_variable_that_only_looks_like_a_setting(
    instance: Instance, database_url: str
) -> None:
    instance.start()
    environ = {"DATABASE_URL": database_url, "SPLIT_PERCENTAGE": "0.4", "MARKETDATA": "alert"}

    started = CliRunner().invoke(cli, ["migrate"], env=environ)

    assert started.exit_code == 0
    change = "v1 (ENGINE_A_PRIMARY, split 0.5) -> v1.2 (ENGINE_A_PRIMARY, split 0.4)"
    assert f"policy of live changed by SPLIT_PERCENTAGE=0.4: {change}" in started.stderr.splitlines()
    assert (
        "warning: MARKETDATA is no setting and has no effect; the setting is called MARKET_DATA"
        in started.stderr.splitlines()
    )
