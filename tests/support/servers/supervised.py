"""Workers and beat under the supervisor of `up`, on given servers, with a watchdog that is soon out of patience."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config import settings as configuration
from stack.servers import ServerUrls
from stack.stack import RunningStack, StackPlan, open_stack
from tasks import pipeline
from tests.support.local_stack import a_directory
from tests.support.servers.processes import SECRET_KEY, free_port
from tests.support.servers.stacks import a_database, with_redis_database

PROCFILE = """
worker: orchestrator run worker --queues pipeline,maintenance --concurrency 1
exits: orchestrator run worker --queues exits,orders --concurrency 1
beat: orchestrator run beat
"""


@contextmanager
def a_supervised_stack(
    server_urls: ServerUrls,
    template_database: str,
    *,
    redis_db: int,
    processes: str = PROCFILE,
    flower_port: int | None = None,
    **changes: str,
) -> Iterator[RunningStack]:
    """Give the processes of a Procfile on a database of its own; they and `log` beside the data are gone afterwards."""
    with a_database(server_urls, template_database) as url, a_directory() as root:
        (root / "Procfile").write_text(processes)
        environ = {
            "DATABASE_URL": url,
            "REDIS_URL": with_redis_database(server_urls.redis_url, redis_db),
            "SECRET_KEY": SECRET_KEY,
            "CANARY_EVERY_S": "1",
            "QUEUE_SILENT_S": "8",
            "LEASE_S": "3",
            "SIGNAL_POLL_INTERVAL_MS": "200",
            "LOG_FORMAT": "json",
            **changes,
        }
        plan = StackPlan(
            settings=configuration.load(environ),
            data_dir=root / "main",
            port=free_port(),
            flower_port=flower_port or free_port(),
            migrate=pipeline.prepare,
            procfile=root / "Procfile",
            log=root / "stack.log",
        )
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            with open_stack(plan) as stack:
                yield stack
