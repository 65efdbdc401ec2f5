"""From a setting's text to an engine."""

from __future__ import annotations

import pytest

from config.values import SettingInvalid
from engines import engine_questions
from engines.committee import CommitteeEngine
from engines.hosted_pool import HostedPool
from engines.loader import EngineNotLoadable, load
from engines.remote import RemoteEngine
from engines.rules import RulesEngine


def test_the_built_in_engines_are_loaded_by_name() -> None:
    assert isinstance(load("rules"), RulesEngine)
    assert isinstance(load("committee"), CommitteeEngine)


def test_an_own_engine_is_hosted_and_started() -> None:
    engine = load("tests.support.fakes.own_engines:misbehaving")

    assert isinstance(engine, HostedPool)
    assert (engine.name, engine.version, engine.is_ready) == ("misbehaving", "7", True)
    engine.close()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("rulez", "rules, committee, package.module:factory, or an http(s):// URL"),
        ("tests/support/fakes/own_engines.py:make", "rules, committee, package.module:factory, or an http(s):// URL"),
        ("tests.no_such_module:make", "No module named 'tests.no_such_module'"),
        ("tests.support.fakes.own_engines:nameless", "no method decide"),
    ],
)
def test_what_cannot_be_loaded_names_the_setting_its_value_and_the_reason(spec: str, reason: str) -> None:
    with pytest.raises(EngineNotLoadable) as caught:
        load(spec, variable="ENGINE_B")

    assert isinstance(caught.value, SettingInvalid)
    assert str(caught.value).startswith(f"ENGINE_B={spec!r} is not allowed: ")
    assert reason in str(caught.value)


def test_an_engine_whose_process_dies_while_starting_is_loaded_but_not_ready() -> None:
    engine = load("tests.support.fakes.own_engines:crashing")

    assert isinstance(engine, HostedPool)
    assert not engine.is_ready


def test_an_engine_at_a_url_is_loaded_without_asking_it() -> None:
    engine = load("https://engine.example/decide?model=2")

    assert isinstance(engine, RemoteEngine)
    assert engine.name == "https://engine.example/decide"


def test_concurrency_is_a_number_of_processes_or_of_requests() -> None:
    pool = load("tests.support.fakes.own_engines:misbehaving", concurrency=3)
    remotes = [load("https://engine.example/decide", concurrency=concurrency) for concurrency in (None, 2)]

    assert isinstance(pool, HostedPool)
    assert len(pool.lanes) == 3
    assert [len(engine_questions.lanes_of(remote)) for remote in remotes] == [8, 2]
    assert len(engine_questions.lanes_of(load("rules", concurrency=4))) == 1
    pool.close()


def test_a_password_in_a_url_is_refused_and_not_told() -> None:
    with pytest.raises(EngineNotLoadable, match="without user and fragment") as caught:
        load("http://user:hunter2@engine.example", variable="ENGINE_B")

    assert "hunter2" not in str(caught.value)
