"""Own engines in processes of their own: what they say, and how they fail without harm."""

from __future__ import annotations

import os
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.decision import Decision, Verdict
from engines.answers import AnswerInvalid
from engines.hosted import EngineFailed, EngineNotUsable, EngineTimeout, HostedEngine
from tests.support.builders.engine_inputs import a_context, a_signal
from tests.support.builders.user_folder import ENGINE, expected_owners, make_user_folder
from tests.support.engine_documents import decided
from tests.support.fakes.own_engines import AboveAverage

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def engine() -> Iterator[HostedEngine]:
    """Give a started engine that misbehaves on request."""
    one = HostedEngine("tests.support.fakes.own_engines:misbehaving")
    one.start()
    yield one
    one.close()


def ask(engine: HostedEngine, strategy: str = "", *, deadline_s: float = PATIENCE_S) -> Decision:
    """Ask for one deed."""
    return engine.decide_within(a_signal(strategy=strategy), a_context(), deadline_s=deadline_s)


def pid_of(engine: HostedEngine) -> int:
    """Return the pid the engine says it has."""
    return int(ask(engine, "pid").rationale["pid"])


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition, and fail when it does not come."""
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until, "the condition did not come"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Say whether a process has ended; where /proc tells, one that nobody collected counts as ended."""
    with suppress(FileNotFoundError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        # The first thread of a killed process may be dead while another one is still on its way.
        if state == "Z" and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1:
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_answers_as_the_engine_does_in_our_own_process(engine: HostedEngine) -> None:
    hosted = ask(engine)

    assert hosted == decided(AboveAverage(), a_signal(), a_context())
    assert hosted.verdict is Verdict.ENTER


def test_it_tells_the_engines_own_name_and_version(engine: HostedEngine) -> None:
    assert (engine.name, engine.version) == ("misbehaving", "7")


def test_without_a_version_the_source_gives_one() -> None:
    engine = HostedEngine("tests.support.fakes.own_engines:above_average")

    engine.start()
    engine.close()

    assert engine.name == "above_average"
    assert len(engine.version) == 12
    int(engine.version, 16)


@pytest.mark.parametrize(("declared", "version"), [("2.50", "7+2.5s"), ("20", "7+20s"), ("0", "7+0s")])
def test_a_declared_latency_is_handed_over_and_part_of_the_version(
    monkeypatch: pytest.MonkeyPatch, declared: str, version: str
) -> None:
    monkeypatch.setenv("ENGINE_DECLARES", declared)
    engine = HostedEngine("tests.support.fakes.own_engines:declaring")

    engine.start()
    engine.close()

    assert (engine.latency_s, engine.version) == (Decimal(declared), version)


def test_the_longest_time_limit_of_its_plans_is_handed_over(engine: HostedEngine) -> None:
    declaring = HostedEngine("tests.support.fakes.own_engines:declaring")

    declaring.start()
    declaring.close()

    assert declaring.longest_hold == timedelta(hours=30)
    assert engine.longest_hold is None


def test_an_engine_that_declares_no_latency_has_half_a_second(engine: HostedEngine) -> None:
    assert engine.latency_s == Decimal("0.5")


def test_an_exception_is_told_and_the_process_goes_on(engine: HostedEngine) -> None:
    before = pid_of(engine)

    with pytest.raises(EngineFailed, match="ValueError: no"):
        ask(engine, "raise")

    assert pid_of(engine) == before


def test_what_the_engine_prints_is_no_answer(engine: HostedEngine) -> None:
    assert ask(engine, "print").verdict is Verdict.ENTER
    assert ask(engine).verdict is Verdict.ENTER


@pytest.mark.parametrize(
    ("strategy", "complaint"),
    [
        ("nonsense", "not str"),
        ("nan", "confidence"),
        ("nan_rationale", "rationale must be a dict of JSON values"),
        ("not_json", "rationale must be a dict of JSON values"),
        ("shapeless", "another shape"),
        ("oversized", "bytes"),
    ],
)
def test_a_bad_answer_is_invalid_and_the_next_one_counts(engine: HostedEngine, strategy: str, complaint: str) -> None:
    with pytest.raises(AnswerInvalid, match=complaint):
        ask(engine, strategy)

    assert ask(engine).verdict is Verdict.ENTER


@pytest.mark.parametrize("strategy", ["endless", "rubbish", "not_utf8"])
def test_rubbish_on_the_pipe_is_invalid_and_the_process_is_replaced(strategy: str) -> None:
    engine = HostedEngine("tests.support.fakes.own_engines:raw_pipe")

    with pytest.raises(AnswerInvalid, match="cannot be read"):
        ask(engine, strategy)

    assert engine.is_ready
    engine.close()


def test_a_hanging_engine_is_killed_at_its_deadline_and_started_again(engine: HostedEngine) -> None:
    before = pid_of(engine)
    started_at = time.monotonic()

    with pytest.raises(EngineTimeout):
        ask(engine, "hang", deadline_s=0.2)

    assert time.monotonic() - started_at < PATIENCE_S / 2
    assert is_gone(before)
    assert pid_of(engine) != before


def test_an_engine_that_ends_its_process_fails_and_is_started_again(engine: HostedEngine) -> None:
    with pytest.raises(EngineFailed, match="ended"):
        ask(engine, "exit")

    assert ask(engine).verdict is Verdict.ENTER


def test_an_engine_that_was_killed_between_questions_answers_the_next_one(engine: HostedEngine) -> None:
    before = pid_of(engine)

    os.kill(before, signals.SIGKILL)
    wait_until(lambda: is_gone(before))

    assert ask(engine).verdict is Verdict.ENTER


def test_closing_ends_the_engine_and_what_it_started() -> None:
    engine = HostedEngine("tests.support.fakes.own_engines:misbehaving")
    own, started = pid_of(engine), int(ask(engine, "grandchild").rationale["pid"])

    engine.close()

    wait_until(lambda: is_gone(own) and is_gone(started))


def test_an_engine_never_sees_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"DATABASE_URL", "SECRET_KEY", "API_TOKEN", "BROKER_KEY", "BROKER_SECRET", "ENGINE_SECRET"}
    for name in secrets:
        monkeypatch.setenv(name, "do-not-tell-anyone")
    monkeypatch.setenv("HARMLESS", "1")
    engine = HostedEngine("tests.support.fakes.own_engines:misbehaving")

    names = ask(engine, "environment").rationale["names"]
    engine.close()

    assert "HARMLESS" in names
    assert not secrets & set(names)


def test_the_order_of_a_set_is_the_same_in_every_process() -> None:
    engines = [HostedEngine("tests.support.fakes.own_engines:misbehaving") for _ in range(2)]

    orders = [ask(engine, "order").rationale["order"] for engine in engines]
    for engine in engines:
        engine.close()

    assert orders[0] == orders[1]


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("tests.no_such_module:make", "ModuleNotFoundError"),
        ("tests.support.fakes.own_engines:no_such_factory", "no callable 'no_such_factory'"),
        ("tests.support.fakes.own_engines:nameless", "no method decide"),
        ("tests.support.fakes.own_engines:impatient", "declared_latency_s must be seconds from 0 to 60, not 'soon'"),
        ("tests.support.fakes.own_engines:patient", "longest_hold must be a timedelta above zero, .* not '2 days'"),
        ("tests.support.fakes.own_engines:failing", "model.bin is not there"),
        ("tests.support.fakes.own_engines:quitting", "not today"),
    ],
)
def test_what_is_no_engine_is_named_at_the_start(factory: str, message: str) -> None:
    engine = HostedEngine(factory)

    with pytest.raises(EngineNotUsable, match=message):
        engine.start()

    assert not engine.is_ready


def test_a_slow_start_is_not_begun_anew_with_each_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    monkeypatch.setenv("ENGINE_GATE", str(gate))
    engine = HostedEngine("tests.support.fakes.own_engines:slow")

    for _ in range(2):
        with pytest.raises(EngineTimeout, match="still starting"):
            ask(engine, deadline_s=0.05)
    gate.touch()

    assert ask(engine).verdict is Verdict.ENTER
    engine.close()


def test_a_start_that_takes_too_long_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENGINE_GATE", str(tmp_path / "never"))
    engine = HostedEngine("tests.support.fakes.own_engines:slow", start_deadline_s=0.3)

    with pytest.raises(EngineTimeout):
        engine.start()

    assert not engine.is_ready


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a user's folder: an engine, and beside it what it imports, under names that packages of ours have too."""
    return make_user_folder(tmp_path)


def test_a_users_modules_may_have_the_names_of_our_packages(folder: Path) -> None:
    engine = HostedEngine(ENGINE, path=[folder])

    owners = ask(engine).rationale["owners"]
    engine.close()

    assert owners == expected_owners()


def test_without_a_path_an_engine_is_looked_for_in_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    engine = HostedEngine(ENGINE)

    assert ask(engine).verdict is Verdict.HOLD
    engine.close()


def test_an_engine_that_is_not_found_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(EngineNotUsable, match=f"'my_engine'; looked for in {tmp_path} ") as caught:
        HostedEngine(ENGINE, path=[tmp_path]).start()

    assert "ENGINE_PATH" in str(caught.value)


@pytest.mark.parametrize("statement", ["from engines.api import hold", "import engines.api"])
def test_an_engine_that_imports_what_was_there_before_is_told_the_new_name(tmp_path: Path, statement: str) -> None:
    (tmp_path / "my_engine.py").write_text(f"{statement}\n")

    with pytest.raises(EngineNotUsable, match=r"from trading_orchestrator\.engine import"):
        HostedEngine(ENGINE, path=[tmp_path]).start()


def test_the_process_of_an_engine_holds_none_of_our_packages(engine: HostedEngine) -> None:
    ours = {path.name for path in Path(__file__).parents[3].iterdir() if (path / "__init__.py").exists()}

    modules = set(ask(engine, "modules").rationale["modules"])

    assert modules & ours == {"tests", "trading_orchestrator"}


_ORPHANS = """
import os, threading, sys
from engines.hosted import HostedEngine
from tests.support.builders.engine_inputs import a_context, a_signal
engine = HostedEngine("tests.support.fakes.own_engines:misbehaving")
pid = engine.decide_within(a_signal(strategy="pid"), a_context(), deadline_s=20).rationale["pid"]
if sys.argv[1] != "idle":
    hanging = lambda: engine.decide_within(a_signal(strategy=sys.argv[1]), a_context(), deadline_s=600)
    threading.Thread(target=hanging, daemon=True).start()
print(pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["idle", "hang", "interpreter"])
def test_an_engine_does_not_outlive_a_parent_that_is_killed(state: str) -> None:
    command = [sys.executable, "-c", _ORPHANS, state]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)

        parent.kill()

        wait_until(lambda: is_gone(pid))


def test_an_engine_that_takes_too_much_memory_fails_and_harms_nobody() -> None:
    engine = HostedEngine("tests.support.fakes.own_engines:misbehaving", memory_mb=900)

    with pytest.raises(EngineFailed, match="MemoryError"):
        ask(engine, "memory")

    assert ask(engine).verdict is Verdict.ENTER
    engine.close()


def test_the_limit_of_memory_is_a_setting(engine: HostedEngine) -> None:
    assert ask(engine, "memory").rationale["taken"] == 1024**3


def test_an_engine_opens_a_limited_number_of_files_and_processes(engine: HostedEngine) -> None:
    assert ask(engine, "files").rationale["opened"] < 512
    assert 0 < ask(engine, "parent").rationale["processes"] < 20_000


_SECRETIVE = """
from engines.hosted import HostedEngine
from tests.support.builders.engine_inputs import a_context, a_signal
engine = HostedEngine("tests.support.fakes.own_engines:misbehaving")
print(engine.decide_within(a_signal(strategy="parent"), a_context(), deadline_s=20).rationale["text"])
engine.close()
"""


def test_an_engine_cannot_read_the_secrets_of_its_host() -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("there is no /proc to read from")
    environment = os.environ | {"BROKER_SECRET": "a-canary"}

    done = subprocess.run(
        [sys.executable, "-c", _SECRETIVE], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["PermissionError"]


_FORKS = """
import os
from engines.hosted import HostedEngine
from tests.support.builders.engine_inputs import a_context, a_signal
engine = HostedEngine("tests.support.fakes.own_engines:misbehaving")
ask = lambda: engine.decide_within(a_signal(strategy="pid"), a_context(), deadline_s=20).rationale["pid"]
before = ask()
child = os.fork()
if child == 0:
    other = ask()
    engine.close()
    os._exit(0 if other != before else 9)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(status, before == ask(), flush=True)
engine.close()
"""


def test_a_forked_worker_gets_an_engine_process_of_its_own_and_leaves_its_parents_alone() -> None:
    done = subprocess.run([sys.executable, "-c", _FORKS], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split() == ["0", "True"]
