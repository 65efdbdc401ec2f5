"""Instances that count as running: locked, listed and described by `run.json`, on databases of the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack import instances, runfile
from stack.runfile import RunFile


@contextmanager
def a_running_instance(directory: Path, database_url: str) -> Iterator[Path]:
    """List a directory as a running instance for the duration of the block."""
    with runfile.lock_instance(directory), instances.list_while_running(directory):
        runfile.write_run_file(
            directory,
            RunFile(
                pid=os.getpid(),
                data_dir=str(directory),
                database_url=database_url,
                redis_url="",
                broker_url="",
                web_url="http://127.0.0.1:8000",
                flower_url="",
                sockets=None,
                processes={},
            ),
        )
        yield directory
