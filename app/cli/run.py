"""`orchestrator run web|worker|beat|flower`: one process of the product, in the foreground, on servers given by URL."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import NoReturn

import click

from app.cli import CommandError, name_connections, start_settings
from config import process_privacy
from config import settings as configuration
from config.settings import Settings
from stack import datadir
from venues import libraries, loader

_PORTS = click.IntRange(1, 65_535)
_WEB_PROCESSES = 2
_NO_BANNER = "--quiet"
# Memory is looked at every 30 seconds.
_SAMPLES_ABOVE = 2
_MOST_TASKS_IN_FLOWER = 10_000
_OFFLINE_SHOWN_S = 86_400
_RESPAWN_WARNING = "Workers respawn is configured, but"


@click.group()
@click.pass_context
def command(context: click.Context) -> None:
    """Run one process of the product in the foreground.

    Its servers are given by DATABASE_URL and REDIS_URL (or BROKER_URL).
    """
    name_connections(context.invoked_subcommand)


@command.command()
@click.option("--port", type=_PORTS, default=8000, show_default=True, help="Port to listen on; the address is BIND.")
def web(port: int) -> None:
    """Serve the webhook, the API and the console."""
    settings = _load_settings()
    libraries.require_installed(settings)
    _require_schema(settings)
    if settings.api_token is None:
        os.environ["API_TOKEN"] = datadir.ensure_api_token(_ensure_directory(settings))
    _serve_web(settings, port)


def _serve_web(settings: Settings, port: int) -> None:
    from granian.constants import Interfaces  # noqa: PLC0415 - only this process needs the server
    from granian.server import Server  # noqa: PLC0415 - likewise

    from app import wsgi  # noqa: PLC0415 - likewise, and it imports the whole web application

    server = Server(
        "app.wsgi:server_application",
        address=settings.bind,
        port=port,
        interface=Interfaces.RSGI,
        workers=_WEB_PROCESSES,
        websockets=False,
        workers_kill_timeout=5,
        workers_max_rss=settings.process_memory_mb,
        rss_samples=_SAMPLES_ABOVE,
        respawn_failed_workers=True,
        log_access=False,
    )
    # A connection that is reset while a process is replaced is one whose sender sends again.
    logging.getLogger("_granian").addFilter(lambda record: not record.getMessage().startswith(_RESPAWN_WARNING))
    # Loading by name would put the working directory first on the import path.
    server.serve(target_loader=wsgi.server_application, wrap_loader=False)  # type: ignore[arg-type]  # its stubs know only plain callables


@command.command()
@click.option("--queues", required=True, help="Some of pipeline, orders, exits, maintenance, separated by commas.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
def worker(queues: str, concurrency: int) -> None:
    """Run the tasks of some queues."""
    settings = _load_settings()
    _require_queues(queues)
    loader.preload(
        broker=settings.broker, market_data=settings.market_data
    )  # Celery would log what is missing and go on
    _require_schema(settings)
    # A container often runs as root; Celery warns about root because of pickled messages, and ours are JSON only.
    warnings.filterwarnings("ignore", message="(?s).*superuser privileges")
    name = queues.replace(",", "-")
    _run_celery(
        _NO_BANNER,
        *("worker", "--pool", "prefork", "--concurrency", str(concurrency), "--prefetch-multiplier", "1"),
        *("--queues", queues, "--hostname", f"{name}@%h", "--task-events", "--without-gossip", "--without-mingle"),
    )


@command.command()
def beat() -> None:
    """Send the periodic tasks; run exactly one."""
    settings = _load_messaging_settings()
    libraries.require_installed(settings)
    _run_celery(_NO_BANNER, "beat", "--scheduler", "tasks.beat_scheduler:IntervalScheduler", "--pidfile=")


@command.command()
@click.option("--port", type=_PORTS, default=5555, show_default=True, help="Port to listen on; the address is BIND.")
def flower(port: int) -> None:
    """Serve Flower, which shows workers and tasks.

    The user is `admin`, with the password in the data directory, or the one of FLOWER_BASIC_AUTH.
    """
    settings = _load_messaging_settings()
    # Given by the environment, because every user of the machine can read a command line.
    if not os.environ.get("FLOWER_BASIC_AUTH"):
        os.environ["FLOWER_BASIC_AUTH"] = f"admin:{datadir.ensure_flower_password(_ensure_directory(settings))[0]}"
    _require_login_for_metrics()
    # Flower asks workers that are still starting, and logs a warning for each request without an answer.
    logging.getLogger("flower.inspector").setLevel(logging.ERROR)
    _run_celery(
        *("flower", f"--address={settings.bind}", f"--port={port}", "--persistent=False", "--logging=warning"),
        *(f"--max-tasks={_MOST_TASKS_IN_FLOWER}", f"--purge-offline-workers={_OFFLINE_SHOWN_S}"),
    )


def _require_login_for_metrics() -> None:
    """Require the login for Flower's metrics too: they name workers and tasks, and Flower shows them to everybody."""
    from flower.views import monitor  # noqa: PLC0415 - only this process needs Flower
    from tornado.web import authenticated  # noqa: PLC0415 - likewise

    monitor.Metrics.get = authenticated(monitor.Metrics.get)


def _load_messaging_settings() -> Settings:
    """Load the settings of a process that needs the message broker only: it gets no other secret."""
    process_privacy.hide_process()
    settings = start_settings.load()
    _require_set("REDIS_URL", settings.broker_url)
    return settings


def _require_set(variable: str, value: str | None) -> None:
    if value is None:
        raise CommandError(f"{variable} is not set; `orchestrator up` starts everything, with servers of its own")


def _load_settings() -> Settings:
    process_privacy.hide_process()
    settings = start_settings.load()
    _require_set("DATABASE_URL", settings.database_url)
    _require_set("REDIS_URL", settings.broker_url)
    if settings.secret_key is None:
        key = datadir.ensure_secret_key(settings, datadir.instance_directory(settings, "main")).secret_key
        os.environ["SECRET_KEY"] = key or ""
        settings = configuration.load()
    return settings


def _require_queues(queues: str) -> None:
    """Refuse names of queues that do not exist: nothing would ever be sent to them."""
    from tasks import pipeline  # noqa: PLC0415 - only a worker needs the tasks

    if unknown := [queue for queue in queues.split(",") if queue not in pipeline.QUEUES]:
        raise CommandError(f"--queues: {unknown[0]!r} is none of {', '.join(pipeline.QUEUES)}")


def _require_schema(settings: Settings) -> None:
    """Refuse a database with another schema than this version, one that ignores timeouts, or that cannot be reached."""
    from db.core import migrate, timeouts  # noqa: PLC0415 - beat and Flower do not need SQLAlchemy

    try:
        migrate.check_current(settings.database_url or "")
        timeouts.require_timeouts(settings.sqlalchemy_url)
    except migrate.SchemaOutdated as error:
        raise CommandError(str(error)) from None
    except timeouts.TimeoutsIgnored as error:
        raise CommandError(f"DATABASE_URL: {error}") from None
    except migrate.DATABASE_ERRORS as error:
        raise CommandError(f"DATABASE_URL: the database cannot be used: {migrate.describe_error(error)}") from None


def _ensure_directory(settings: Settings) -> Path:
    directory = datadir.data_root(settings)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _run_celery(*argv: str) -> NoReturn:
    app = importlib.import_module("tasks.celery_entry").app
    sys.exit(app.start(argv=list(argv)))
