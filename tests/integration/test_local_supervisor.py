"""The supervisor against real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stack.child import Child
from stack.errors import ChildFailed
from stack.processes import is_alive
from stack.supervisor import Supervisor
from tests.support.local_stack import eventually


class Lines:
    """Keeps what the children print."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def write(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def close(self) -> None:
        pass

    def of(self, name: str) -> list[str]:
        return [line for whose, line in self.lines if whose == name]


def a_shell(
    script: str, *, name: str = "child", stop_within_s: float = 5.0, tier: int = 1, essential: bool = True
) -> Child:
    return Child(
        name=name,
        argv=("sh", "-c", script),
        environment=dict(os.environ),
        stop_within_s=stop_within_s,
        tier=tier,
        essential=essential,
    )


def test_a_killed_child_is_started_again_and_the_new_process_id_is_told() -> None:
    told: list[dict[str, int]] = []

    with Supervisor(Lines(), on_change=lambda pids: told.append(dict(pids))) as supervisor:
        supervisor.start(a_shell("exec sleep 300"))
        first = supervisor.pids()["child"]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: supervisor.pids().get("child", first) != first, what="a new process")
        second = supervisor.pids()["child"]

    assert {"child": first} in told
    assert {"child": second} in told
    assert not is_alive(second)


def test_a_child_that_dies_five_times_ends_the_supervisor_with_its_last_words() -> None:
    output = Lines()

    with Supervisor(output) as supervisor:
        supervisor.start(a_shell("exec sleep 300", name="neighbour"))
        neighbour = supervisor.pids()["neighbour"]
        supervisor.start(a_shell("echo no such table; exit 3", name="worker"))
        assert supervisor.wait(20.0)

        assert supervisor.failure is not None
        assert "worker died 5 times within 60 s (last: exit code 3)" in supervisor.failure
        assert "no such table" in supervisor.failure
        assert not is_alive(neighbour)
    assert output.of("worker") == ["no such table"] * 5


def test_a_child_that_only_shows_something_dies_five_times_and_nothing_else_ends() -> None:
    output = Lines()

    with Supervisor(output) as supervisor:
        supervisor.start(a_shell("exec sleep 300", name="neighbour"))
        neighbour = supervisor.pids()["neighbour"]
        supervisor.start(a_shell("echo port taken; exit 1", name="flower", essential=False))
        eventually(lambda: bool(supervisor.list_given_up()), what="the end of patience with flower")

        assert supervisor.failure is None
        assert supervisor.pids() == {"neighbour": neighbour}
        assert "port taken" in supervisor.list_given_up()["flower"]
    assert output.of("flower") == ["port taken"] * 5
    assert any("flower keeps dying (last: exit code 1); everything else goes on" in line for line in output.of("stack"))


def test_deaths_that_are_spread_out_do_not_end_the_supervisor() -> None:
    output = Lines()

    with Supervisor(output, deaths_allowed=2, deaths_window_s=0.05) as supervisor:
        supervisor.start(a_shell("echo up; sleep 0.1"))
        eventually(lambda: len(output.of("child")) >= 4, what="the fourth start")

        assert supervisor.failure is None


def test_what_a_dead_child_leaves_in_its_group_dies_before_the_successor_starts() -> None:
    output = Lines()

    with Supervisor(output) as supervisor:
        supervisor.start(a_shell("sleep 300 & echo $!; wait"))
        eventually(lambda: len(output.of("child")) == 1, what="the grandchild's id")
        grandchild = int(output.of("child")[0])
        assert is_alive(grandchild)
        os.kill(supervisor.pids()["child"], signal.SIGKILL)
        eventually(lambda: len(output.of("child")) == 2, what="the successor")

        assert not is_alive(grandchild)


def test_a_child_that_ignores_the_stop_signal_is_killed_with_its_whole_group() -> None:
    output = Lines()

    with Supervisor(output) as supervisor:
        supervisor.start(a_shell("trap '' TERM; sleep 300 & echo $!; wait; sleep 300", stop_within_s=0.3))
        eventually(lambda: len(output.of("child")) == 1, what="the grandchild's id")
        child, grandchild = supervisor.pids()["child"], int(output.of("child")[0])

    eventually(lambda: not is_alive(grandchild), what="the grandchild's end")
    assert not Path(f"/proc/{child}").exists(), "a zombie is left"
    assert "child did not stop in time and was killed" in output.of("stack")


def test_higher_tiers_have_stopped_before_lower_ones_are_asked() -> None:
    output = Lines()
    script = "trap 'sleep {}; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"

    with Supervisor(output) as supervisor:
        supervisor.start(a_shell(script.format(0), name="server", tier=0))
        supervisor.start(a_shell(script.format(0.4), name="web", tier=1))
        eventually(lambda: len(output.lines) == 2, what="both traps")

    assert [name for name, line in output.lines if line == "bye"] == ["web", "server"]


def test_a_child_that_is_not_ready_in_time_is_an_error_with_its_output() -> None:
    child = Child(
        name="web",
        argv=("sh", "-c", "echo waiting for a table; sleep 300"),
        environment=dict(os.environ),
        ready=lambda: False,
    )

    with Supervisor(Lines()) as supervisor, pytest.raises(ChildFailed) as caught:
        supervisor.start(child, deadline_s=0.5)

    assert "web was not ready within" in str(caught.value)
    assert "waiting for a table" in str(caught.value)


def test_a_program_that_does_not_exist_is_an_error_that_names_it() -> None:
    child = Child(name="web", argv=("/no/such/program",), environment=dict(os.environ), ready=lambda: False)

    with Supervisor(Lines()) as supervisor, pytest.raises(ChildFailed) as caught:
        supervisor.start(child)

    assert "cannot start /no/such/program: No such file or directory" in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_children_end_when_the_supervisor_itself_is_killed() -> None:
    script = textwrap.dedent("""
        import os, sys, time
        from stack.child import Child
        from stack.output import StreamOutput
        from stack.supervisor import Supervisor
        with Supervisor(StreamOutput(sys.stderr)) as supervisor:
            supervisor.start(Child(name="child", argv=("sleep", "300"), environment=dict(os.environ)))
            print(supervisor.pids()["child"], flush=True)
            time.sleep(300)
    """)
    root = Path(__file__).parents[2]
    with subprocess.Popen((sys.executable, "-c", script), stdout=subprocess.PIPE, cwd=root, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        # The launcher becomes the program a moment after it was started.
        eventually(lambda: "sleep 300" in Path(f"/proc/{child}/cmdline").read_text().replace("\0", " "), what="exec")

        process.kill()
        process.wait()

        eventually(lambda: not is_alive(child), what="the child's end")
