"""The Celery app, made from settings, so that tests, workers and the web process use the same one."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery, current_task
from celery.app.amqp import AMQP
from celery.loaders.app import AppLoader
from celery.signals import setup_logging
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError

from config import celery as configuration
from config import logging as logs
from config.settings import Settings
from tasks import queues, redis_slots, schedule

MODULES = (
    "tasks.stages.snapshot_context",
    "tasks.stages.assign_variant",
    "tasks.stages.resolve_policy",
    "tasks.stages.dispatch_engines",
    "tasks.stages.record_outcome",
    "tasks.exit_tasks",
    "tasks.order_tasks",
    "tasks.sweeps",
    "tasks.problem_watch",
    "tasks.canaries",
    "tasks.notifications",
    "tasks.heartbeat",
    "tasks.periodic_runs",
    "tasks.lifecycle",
)


def make_celery(settings: Settings) -> Celery:
    """Return the app, made the current one, with our tasks, queues, schedule and logging."""
    redis_slots.install_slots()
    app = _Orchestrator("orchestrator", include=MODULES, set_as_current=True, amqp=_Messaging, loader=_Loader)
    app.set_default()  # the current app is a thread's own; the publisher's thread must find this one too
    app.conf.update(configuration.build_configuration(settings))
    app.conf.task_queues = [_build_queue(name, configuration.build_queue_arguments(settings)) for name in queues.ALL]
    app.conf.task_routes = queues.ROUTES
    app.conf.task_default_queue = queues.PIPELINE
    app.conf.beat_schedule = schedule.build_schedule(settings)
    limits = settings.dispatch_limits
    app.conf.task_annotations = {
        "stages.dispatch_engines": {"soft_time_limit": limits.soft_s, "time_limit": limits.hard_s}
    }
    app.conf["orchestrator_settings"] = settings

    def configure_logging(**_: Any) -> None:
        """Configure our logging in place of Celery's."""
        logs.configure(settings)

    setup_logging.connect(configure_logging, weak=False)
    return app


class _Connection(Connection):
    """A connection that retries every two seconds at the latest; Celery's own delays grow to half a minute."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Connect, retrying until it succeeds or the allowed attempts are used up."""
        waits = {"interval_start": 0.2, "interval_step": 0.4, "interval_max": configuration.LONGEST_WAIT_S}
        return super().ensure_connection(*args, **waits | options)  # type: ignore[no-untyped-call]


class _Messaging(AMQP):  # type: ignore[misc]
    """Celery's messaging with connections that retry sooner."""

    Connection = _Connection


class _Loader(AppLoader):  # type: ignore[misc]
    """Imports task modules normally; Celery's own loader puts the working directory first on the import path."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:
        """Import a module without adding the working directory to the import path."""
        return (imp or self.import_module)(module, package=package)


class _Orchestrator(Celery):  # type: ignore[misc]
    """Celery with a time limit on sending, whose tasks do not fail when the next task cannot be sent."""

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Send a task; within a worker a failure to send is logged, and a sweep sends it later.

        Only a task that declares the error in `throws` gets it raised. RabbitMQ must accept and confirm in time; other
        transports ignore these two limits. Raising in other tasks would be worse than logging: the long traceback of a
        failed task can block the parent process while it reconnects, and end it.

        All arguments are ids; monitors get them whole, so that each can be searched for.
        """
        options.setdefault("kwargsrepr", repr((args[1] if len(args) > 1 else options.get("kwargs")) or {}))
        patience = {"timeout": configuration.BROKER_TIMEOUT_S, "confirm_timeout": configuration.BROKER_TIMEOUT_S}
        try:
            return super().send_task(name, *args, **patience | options)
        except OperationalError as error:
            if current_task and OperationalError not in current_task.throws:
                structlog.get_logger().warning("task.unsent", task=name, error=str(error))
                return None
            raise


def _build_queue(name: str, arguments: dict[str, Any]) -> Queue:
    """Build a queue on an exchange of its own; with Celery's default all queues would share the first one's."""
    exchange = Exchange(name, type="direct")  # type: ignore[no-untyped-call]
    return Queue(name, exchange=exchange, routing_key=name, queue_arguments=arguments)  # type: ignore[no-untyped-call]
