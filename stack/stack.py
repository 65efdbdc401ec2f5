"""The whole product on one machine: embedded servers, migration, and the Procfile's processes under one supervisor."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from config import process_privacy
from config.settings import Settings
from stack import datadir, disk_reserve, instances, interrupts, network, procfile, runfile, watchdog
from stack import servers as embedded
from stack.accounts import ServiceAccount
from stack.errors import ChildFailed, StackRefused
from stack.interrupts import StopRequested
from stack.output import FileOutput, LineOutput, open_default_output
from stack.runfile import RunFile, RunFileWriter
from stack.supervisor import Supervisor

_READY_WITHIN_S = 90.0
_AFTER_A_KILL_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """A stack whose web process answers; `settings` hold its URLs and secret key.

    `flower_login` is a line of text: how to log in, or why Flower does not run.
    """

    settings: Settings
    data_dir: Path
    web_url: str
    flower_url: str
    flower_login: str
    supervisor: Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """How to run a stack.

    `migrate` prepares the database for a start (default: `migrate_and_prepare`). `log` is the file for the output of
    the processes (default: `stack.output.open_default_output` decides). `deaths_allowed` of one process within a minute
    end the stack. With `fresh` everything in the instance is removed first.
    """

    settings: Settings
    data_dir: Path
    port: int = 8000
    flower_port: int = 5555
    migrate: Callable[[Settings], None] | None = None
    procfile: Path = field(default_factory=procfile.default_path)
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
        StackRefused: before anything is started, when the web port is taken or the instance is in use.
    """
    with interrupts.raise_signals() as gate:
        code = 0 if on_ready is None else None
        try:
            with open_stack(plan, on_failure=gate.fail) as stack, gate.interrupt_on_failure():
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
            _print_line(gate.failure)
            return 1
        return code or 0


@contextmanager
def open_stack(plan: StackPlan, *, on_failure: Callable[[str], None] | None = None) -> Iterator[RunningStack]:
    """Run a stack for the duration of the block; `on_failure` is called on another thread when a process keeps dying.

    Raises:
        StackRefused: before anything is started; ChildFailed: when a process does not come up.
    """
    process_privacy.hide_process()
    account = embedded.prepare_instance(plan.data_dir)
    with runfile.lock_instance(plan.data_dir), instances.list_while_running(plan.data_dir):
        flower_obstacle = _check_ports(plan)
        if plan.fresh:
            embedded.wipe_instance(plan.data_dir)
        output = FileOutput(plan.log) if plan.log is not None else open_default_output(plan.data_dir / "log")
        notice = RunFileWriter(plan.data_dir, report=lambda line: output.write("stack", line))
        try:
            with Supervisor(
                output, deaths_allowed=plan.deaths_allowed, on_change=notice.renew, on_failure=on_failure
            ) as supervisor:
                stack = _start_everything(plan, supervisor, account=account, flower_obstacle=flower_obstacle)
                notice.publish(_build_run_file(stack), supervisor.pids)
                datadir.remember_current(plan.settings, plan.data_dir)
                with _start_watchdog(plan, stack, output), _keep_reserve(plan, output):
                    yield stack
        finally:
            datadir.remove_socket_directory(plan.data_dir)
            output.close()


def _start_watchdog(plan: StackPlan, stack: RunningStack, output: LineOutput) -> AbstractContextManager[None]:
    """Start the watchdog, which kills what is stuck through the stack's supervisor."""
    return watchdog.run_watchdog(
        stack.settings,
        plan.procfile,
        supervisor=stack.supervisor,
        report=lambda line: output.write("stack", line),
    )


def _keep_reserve(plan: StackPlan, output: LineOutput) -> AbstractContextManager[None]:
    """Keep a part of the disk for exits."""
    return disk_reserve.keep_reserve(plan.data_dir, report=lambda line: output.write("stack", line))


def _check_ports(plan: StackPlan) -> str | None:
    """Check that the web process's port is free; after a killed stack, wait for that.

    Returns:
        Why Flower cannot have its port, None when it can: what only shows something ends nothing.
    """
    bind, patience_s = plan.settings.bind, _AFTER_A_KILL_S if runfile.has_run_file(plan.data_dir) else 0.0
    network.require_free_port(bind, plan.port, flag="--port", patience_s=patience_s)
    try:
        network.require_free_port(bind, plan.flower_port, flag="--flower-port", patience_s=patience_s)
    except StackRefused as refusal:
        _print_line(f"Flower does not run: {refusal}; everything else does")
        return str(refusal)
    return None


def _start_everything(
    plan: StackPlan, supervisor: Supervisor, *, account: ServiceAccount | None, flower_obstacle: str | None
) -> RunningStack:
    """Start the servers, migrate the database, then start each process of the Procfile once the one before is ready."""
    settings = _start_missing_servers(plan, supervisor, account)
    assert settings.database_url is not None  # noqa: S101 - it was given, or the embedded server has just set it
    _print_line("migrating the database")
    if plan.settings.database_url is None:
        settings = replace(settings, migration_database_url=None)
    (plan.migrate or migrate_and_prepare)(replace(settings, data_dir=plan.data_dir))
    stack = RunningStack(
        settings=settings,
        data_dir=plan.data_dir,
        web_url=network.build_url(settings.bind, plan.port),
        flower_url=network.build_url(settings.bind, plan.flower_port),
        flower_login=f"not running: {flower_obstacle}" if flower_obstacle else _format_flower_login(plan.data_dir),
        supervisor=supervisor,
    )
    _print_line("starting the processes")
    for child in procfile.build_children(
        plan.procfile, settings, data_dir=plan.data_dir, port=plan.port, flower_port=plan.flower_port
    ):
        supervisor.start(child, deadline_s=_READY_WITHIN_S)
    return stack


def _start_missing_servers(plan: StackPlan, supervisor: Supervisor, account: ServiceAccount | None) -> Settings:
    """Start the servers for which no URL is set."""
    settings = datadir.ensure_secret_key(plan.settings, plan.data_dir)
    needs_database, needs_redis = settings.database_url is None, settings.broker_url is None
    if not needs_database and not needs_redis:
        return settings
    _print_line("starting the servers")
    urls = embedded.start_servers(supervisor, plan.data_dir, account, database=needs_database, redis=needs_redis)
    if needs_database:
        settings = replace(settings, database_url=urls.database_url)
    if needs_redis:
        settings = replace(settings, redis_url=urls.redis_url, broker_url=urls.broker_url)
    return settings


def _build_run_file(stack: RunningStack) -> RunFile:
    """Build the description of a running stack that `run.json` holds; processes are added later."""
    sockets = datadir.read_socket_directory(stack.data_dir)
    return RunFile(
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


def migrate_and_prepare(settings: Settings) -> None:
    """Migrate the database, create what a start needs (books, policy, studies, a first source), and apply the policy's
    variables, printing what they change.

    Raises:
        StackRefused: when the database cannot be reached, or ignores our timeouts.
    """
    from db.core import migrate, timeouts  # noqa: PLC0415 - likewise
    from db.core.errors import OperationalError, is_outage  # noqa: PLC0415 - likewise
    from operations import environment_policy, source_tokens  # noqa: PLC0415 - SQLAlchemy and alembic take half a second that most commands do not need
    from tasks import pipeline  # noqa: PLC0415 - likewise

    try:
        timeouts.require_timeouts(settings.sqlalchemy_url)
        migrate.upgrade(settings.migration_database_url or settings.database_url or "")
        pipeline.prepare(settings)
        for line in environment_policy.apply(settings, at=datetime.now(UTC)):
            _print_line(line)
        source_tokens.ensure_first_source(settings)
    except timeouts.TimeoutsIgnored as error:
        raise StackRefused(f"DATABASE_URL: {error}") from None
    except OperationalError as error:
        if is_outage(error):
            raise StackRefused(f"DATABASE_URL: the database cannot be used: {migrate.describe_error(error)}") from None
        raise


def print_urls(stack: RunningStack, *more: str) -> None:
    """Print on stderr, in one piece, the URLs of console and Flower, the data directory, and `more` lines."""
    lines = (
        f"console  {stack.web_url}",
        f"Flower   {stack.flower_url}  ({stack.flower_login})",
        f"data     {stack.data_dir}",
        *more,
    )
    _print_line("\n".join(lines))


def _format_flower_login(directory: Path) -> str:
    """Return how to log in to Flower; with the password itself when it was generated just now."""
    password, fresh = datadir.ensure_flower_password(directory)
    return f"user admin, {f'password {password}, also' if fresh else 'password'} in {directory / 'flower_password'}"


def _print_line(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
