"""The command line: `orchestrator COMMAND`; logs go to stderr, results to stdout."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import structlog

from config import settings as configuration
from config.settings import Settings
from config.values import SettingInvalid
from stack.errors import StackRefused

if TYPE_CHECKING:
    from db.core.session import Database

_COMMANDS = {
    "up": "app.cli.up",
    "demo": "app.cli.demo",
    "migrate": "app.cli.migrate",
    "sources": "app.cli.sources",
    "signals": "app.cli.signals",
    "policy": "app.cli.policy",
    "accounts": "app.cli.accounts",
    "users": "app.cli.users",
    "tokens": "app.cli.tokens",
    "incidents": "app.cli.incidents",
    "replay": "app.cli.replay",
    "report": "app.cli.report",
    "verify": "app.cli.verify",
    "doctor": "app.cli.doctor",
    "bench": "bench.command",
    "run": "app.cli.run",
}


class Problem(click.ClickException):
    """What a user can mend: printed in one line, exit code 2."""

    exit_code = 2


class _LazyGroup(click.Group):
    """Loads a command's module only when it is used, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)  # noqa: S101 - a module without one is a programming error
        return command


@contextmanager
def opened(data_dir: Path | None) -> Iterator[tuple[Settings, Database]]:
    """Give a data command its settings and database: DATABASE_URL, the running stack's, or one for the duration.

    Raises:
        Problem: when the database cannot be reached, or lacks a table or column that this version needs.
    """
    from db.core.errors import is_outage, lacks_schema  # noqa: PLC0415 - likewise
    from db.core.migrate import HOW_TO_MIGRATE, describe_error  # noqa: PLC0415 - likewise
    from db.core.session import Database  # noqa: PLC0415 - likewise
    from stack.stack import database  # noqa: PLC0415 - not needed to show help or refuse a bad option

    with database(configuration.load(), data_dir=data_dir) as settings:
        connection = Database(settings.sqlalchemy_url, pool_size=1)
        try:
            yield settings, connection
        except Exception as error:
            if is_outage(error):
                raise Problem(f"DATABASE_URL: the database cannot be used: {describe_error(error)}") from None
            if lacks_schema(error):
                raise Problem(f"the database has another schema than this version: {HOW_TO_MIGRATE}") from None
            raise
        finally:
            connection.dispose()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="trading-orchestrator")
def cli() -> None:
    """The referee between two trading engines."""


def main() -> NoReturn:
    """Run the command line; a bad setting ends with exit code 2 and one line that names it."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))  # stdout is for results
    try:
        cli(prog_name="orchestrator")
    except (SettingInvalid, StackRefused) as error:
        click.echo(f"orchestrator: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
