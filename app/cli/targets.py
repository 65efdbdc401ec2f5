"""Instances that a command on the switch acts on: the named one, else all that run; some acts need exactly one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.cli import CommandError
from config import settings as configuration
from stack import instances, runfile, servers


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTarget:
    """An instance: its name in output, and its data directory, None for the database of DATABASE_URL."""

    name: str
    data_dir: Path | None
    is_stopped: bool = False

    @property
    def option(self) -> str:
        """The option that names the instance in a command; empty where DATABASE_URL does."""
        return f" --data-dir {self.data_dir}" if self.data_dir is not None else ""


def find_targets(data_dir: Path | None) -> list[InstanceTarget]:
    """Return the named instance, else all that run, else the one that was used last.

    Raises:
        StackRefused: when nothing was run yet.
        CommandError: when DATABASE_URL names another database than the one that the named instance runs on.
    """
    settings = configuration.load()
    if settings.database_url is not None:
        _require_same_database(data_dir, settings.database_url)
        return [InstanceTarget(name=describe_database(settings.database_url), data_dir=None)]
    running = {instance.data_dir for instance in instances.find_running(settings)}
    if data_dir is not None:
        directory = data_dir.absolute()
        return [InstanceTarget(name=str(directory), data_dir=directory, is_stopped=directory not in running)]
    if running:
        return [InstanceTarget(name=str(directory), data_dir=directory) for directory in sorted(running)]
    current = servers.require_current(settings)
    return [InstanceTarget(name=str(current), data_dir=current, is_stopped=True)]


def _require_same_database(data_dir: Path | None, url: str) -> None:
    run = runfile.find_running_stack(data_dir) if data_dir is not None else None
    if run is not None and run.database_url != url:
        raise CommandError(
            f"--data-dir {data_dir} runs on another database than DATABASE_URL names; give only one of the two"
        )


def find_killed_targets(chosen: Sequence[InstanceTarget]) -> list[InstanceTarget]:
    """Return the instances beside the chosen ones whose stack was killed and not started again."""
    mine = {target.data_dir for target in chosen}
    return [
        InstanceTarget(name=str(directory), data_dir=directory, is_stopped=True)
        for directory in instances.find_killed()
        if directory not in mine
    ]


def find_one_target(data_dir: Path | None) -> InstanceTarget:
    """Return the instance that is named, or the only one that runs, else the one that was used last.

    Raises:
        CommandError: when several run; it lists them.
    """
    targets = find_targets(data_dir)
    if len(targets) > 1:
        lines = [f"  --data-dir {target.name}" for target in targets]
        raise CommandError("\n".join(("several instances run here; name the one that is meant:", *lines)))
    return targets[0]


def print_others(targets: Sequence[InstanceTarget]) -> None:
    """Print on stderr which other instances run and were not acted on."""
    mine = {target.data_dir for target in targets}
    for instance in instances.find_running(configuration.load()):
        if instance.data_dir not in mine:
            sys.stderr.write(f"not touched: {instance.data_dir}, which also runs here\n")


def describe_database(url: str) -> str:
    """Return host, port and name of a database, without user and password."""
    parts = urlsplit(url)
    (host, *_) = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}{parts.path}"
