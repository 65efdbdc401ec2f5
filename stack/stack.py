"""The whole product on one machine: embedded servers, migration, and the Procfile's processes under one supervisor.

`servers`, `temporary_servers`, `database` and `ServerUrls` are at home in `stack.servers` and offered here too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.settings import Settings
from stack import datadir, interrupts, network, procfile, runfile, watchdog
from stack import servers as embedded
from stack.accounts import Account
from stack.errors import ChildFailed, StackRefused
from stack.interrupts import StopRequested
from stack.output import FileOutput, Output, StreamOutput
from stack.runfile import Notice, Run
from stack.servers import ServerUrls, database, servers, temporary_servers
from stack.supervisor import Supervisor

__all__ = [
    "RunningStack",
    "ServerUrls",
    "StackPlan",
    "StopRequested",
    "announce",
    "database",
    "run_stack",
    "running_stack",
    "servers",
    "temporary_servers",
]

_READY_WITHIN_S = 90.0
_AFTER_A_KILL_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """A stack whose web process answers; `settings` hold its URLs and secret key, `flower_login` is a line of text."""

    settings: Settings
    data_dir: Path
    web_url: str
    flower_url: str
    flower_login: str
    supervisor: Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """What a stack is to be made of.

    `migrate` makes the database ready for a start (default: `our_migration`). `log` is the file for what
    the processes print (default: stderr). `deaths_allowed` of one process within a minute end the stack. With `fresh`
    everything in the instance is removed first.
    """

    settings: Settings
    data_dir: Path
    port: int = 8000
    flower_port: int = 5555
    migrate: Callable[[Settings], None] | None = None
    procfile: Path = field(default_factory=procfile.path)
    log: Path | None = None
    deaths_allowed: int = 5
    fresh: bool = False


def run_stack(
    plan: StackPlan, *, on_ready: Callable[[RunningStack], int | None] | None = None, stay: bool = True
) -> int:
    """Run a stack, call `on_ready` in it, and return the exit code once everything has stopped.

    With `stay` it runs until SIGINT or SIGTERM (code: what `on_ready` returned, else 0), without it until `on_ready`
    returns. Code 1 when a process kept dying, 128 + signal when a signal came before `on_ready` had returned. Call it
    on the main thread: `on_ready` runs there and is interrupted when the stack fails.

    Raises:
        StackRefused: before anything is started, when a port is taken or the instance is in use.
    """
    with interrupts.as_exceptions() as gate:
        code = 0 if on_ready is None else None
        try:
            with running_stack(plan, on_failure=gate.fail) as stack, gate.armed():
                if on_ready is not None:
                    code = on_ready(stack) or 0
                if stay:
                    stack.supervisor.wait()
        except StopRequested as stop:
            code = 128 + stop.signum if code is None else code
        except ChildFailed as error:
            gate.failure = str(error)
        except Exception:
            # A library that was interrupted half-way may raise an error of its own in the stop's place.
            if gate.signum is None:
                raise
            code = 128 + gate.signum if code is None else code
        if gate.failure is not None:
            _say(gate.failure)
            return 1
        return code or 0


@contextmanager
def running_stack(plan: StackPlan, *, on_failure: Callable[[str], None] | None = None) -> Iterator[RunningStack]:
    """Run a stack for the duration of the block; `on_failure` is called on another thread when a process keeps dying.

    Raises:
        StackRefused: before anything is started; ChildFailed: when a process does not come up.
    """
    account = embedded.prepare(plan.data_dir)
    with runfile.held(plan.data_dir):
        _require_ports(plan)
        if plan.fresh:
            embedded.wipe(plan.data_dir)
        output: Output = FileOutput(plan.log) if plan.log is not None else StreamOutput(sys.stderr)
        notice = Notice(plan.data_dir)
        try:
            with Supervisor(
                output, deaths_allowed=plan.deaths_allowed, on_change=notice.renew, on_failure=on_failure
            ) as supervisor:
                stack = _bring_up(plan, supervisor, account=account)
                notice.publish(_run(stack), supervisor.pids)
                datadir.point_current(plan.settings, plan.data_dir)
                with _watched(plan, stack, output):
                    yield stack
        finally:
            datadir.drop_socket_directory(plan.data_dir)
            output.close()


def _watched(plan: StackPlan, stack: RunningStack, output: Output) -> AbstractContextManager[None]:
    return watchdog.watching(
        stack.settings,
        watchdog.workers(plan.procfile),
        kill=stack.supervisor.kill,
        say=lambda line: output.write("stack", line),
    )


def _require_ports(plan: StackPlan) -> None:
    patience_s = _AFTER_A_KILL_S if runfile.left_behind(plan.data_dir) else 0.0
    network.require_free(plan.settings.bind, plan.port, flag="--port", patience_s=patience_s)
    network.require_free(plan.settings.bind, plan.flower_port, flag="--flower-port", patience_s=patience_s)


def _bring_up(plan: StackPlan, supervisor: Supervisor, *, account: Account | None) -> RunningStack:
    settings = _with_servers(plan, supervisor, account)
    assert settings.database_url is not None  # noqa: S101 - it was given, or the embedded server has just set it
    _say("migrating the database")
    if plan.settings.database_url is None:
        settings = replace(settings, migration_database_url=None)
    (plan.migrate or our_migration)(settings)
    stack = RunningStack(
        settings=settings,
        data_dir=plan.data_dir,
        web_url=network.url(settings.bind, plan.port),
        flower_url=network.url(settings.bind, plan.flower_port),
        flower_login=_flower_login(plan.data_dir),
        supervisor=supervisor,
    )
    for child in procfile.children(
        plan.procfile, settings, data_dir=plan.data_dir, port=plan.port, flower_port=plan.flower_port
    ):
        supervisor.start(child, deadline_s=_READY_WITHIN_S)
    return stack


def _with_servers(plan: StackPlan, supervisor: Supervisor, account: Account | None) -> Settings:
    """Start the servers for which no URL is set."""
    settings = datadir.with_secret_key(plan.settings, plan.data_dir)
    needs_database, needs_redis = settings.database_url is None, settings.broker_url is None
    if not needs_database and not needs_redis:
        return settings
    urls = embedded.start(supervisor, plan.data_dir, account, database=needs_database, redis=needs_redis)
    if needs_database:
        settings = replace(settings, database_url=urls.database_url)
    if needs_redis:
        settings = replace(settings, redis_url=urls.redis_url, broker_url=urls.broker_url)
    return settings


def _run(stack: RunningStack) -> Run:
    sockets = datadir.sockets_in_use(stack.data_dir)
    return Run(
        pid=os.getpid(),
        data_dir=str(stack.data_dir),
        database_url=stack.settings.database_url or "",
        redis_url=stack.settings.redis_url or "",
        broker_url=stack.settings.broker_url or "",
        web_url=stack.web_url,
        flower_url=stack.flower_url,
        sockets=str(sockets) if sockets is not None else None,
        processes={},
    )


def our_migration(settings: Settings) -> None:
    """Bring the database to the newest schema and make what a start needs: books, policy, studies, a first source.

    Raises:
        StackRefused: when the database cannot be reached.
    """
    from db.core import migrate  # noqa: PLC0415 - likewise
    from db.core.errors import OperationalError, is_outage  # noqa: PLC0415 - likewise
    from operations import source_tokens  # noqa: PLC0415 - SQLAlchemy and alembic take half a second that most commands do not need
    from tasks import pipeline  # noqa: PLC0415 - likewise

    try:
        migrate.upgrade(settings.migration_database_url or settings.database_url or "")
        pipeline.prepare(settings)
        source_tokens.ensure_first_source(settings)
    except OperationalError as error:
        if is_outage(error):
            raise StackRefused(f"DATABASE_URL: the database cannot be used: {migrate.describe_error(error)}") from None
        raise


def announce(stack: RunningStack, *more: str) -> None:
    """Tell on stderr, in one piece, where the console, Flower and the data of a stack are, and what else there is."""
    lines = (
        f"console  {stack.web_url}",
        f"Flower   {stack.flower_url}  ({stack.flower_login})",
        f"data     {stack.data_dir}",
        *more,
    )
    _say("\n".join(lines))


def _flower_login(directory: Path) -> str:
    """Say how to log in to Flower; the password itself when it was made just now."""
    password, fresh = datadir.flower_password(directory)
    return f"user admin, {f'password {password}, also' if fresh else 'password'} in {directory / 'flower_password'}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
