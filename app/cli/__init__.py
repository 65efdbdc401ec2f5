"""The command line `orchestrator COMMAND`; results go to stdout, logs and progress to stderr."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click
import structlog

from config.values import SettingInvalid
from stack.errors import StackRefused

_COMMANDS = {
    "up": "app.cli.up:command",
    "demo": "app.cli.demo:command",
    "status": "app.cli.status:command",
    "migrate": "app.cli.migrate:command",
    "sources": "app.cli.sources:command",
    "signals": "app.cli.signals:command",
    "trades": "app.cli.trades:command",
    "policy": "app.cli.policy:command",
    "accounts": "app.cli.accounts:command",
    "instruments": "app.cli.instruments:command",
    "users": "app.cli.users:command",
    "tokens": "app.cli.tokens:command",
    "incidents": "app.cli.incidents:command",
    "bars": "app.cli.bars:command",
    "replay": "app.cli.replay:command",
    "report": "app.cli.report:command",
    "verify": "app.cli.verify:command",
    "doctor": "app.cli.doctor:command",
    "bench": "bench.command:command",
    "run": "app.cli.run:command",
}


class CommandError(click.ClickException):
    """Mistake that the user can correct: printed in one line, exit code 2."""

    exit_code = 2


class LazyGroup(click.Group):
    """Group that imports the module of a subcommand only when the subcommand is used.

    `locations` holds, by the subcommand's name, where it is: `module:attribute`. These subcommands are listed after
    those that were added to the group itself.
    """

    def __init__(self, *args: Any, locations: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._locations = locations

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, in the order of the help text."""
        return [*super().list_commands(ctx), *self._locations]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand of that name, None when there is none."""
        if cmd_name not in self._locations:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._locations[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a location without one is a programming error
        return command


def name_connections(command: str | None) -> None:
    """Name this process's connections to Postgres after a command, unless the URL names them (`application_name=`)."""
    os.environ["PGAPPNAME"] = f"orchestrator {command}"


@click.group(
    cls=LazyGroup,
    locations=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(package_name="trading-orchestrator")
@click.pass_context
def cli(context: click.Context) -> None:
    """Compare two trading engines on the same alerts, and trade with the one that the policy names."""
    name_connections(context.invoked_subcommand)


def main() -> NoReturn:
    """Run the command line; an invalid setting ends it with exit code 2 and one line that names the setting."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))  # stdout is for results
    try:
        cli(prog_name="orchestrator")
    except (SettingInvalid, StackRefused) as error:
        click.echo(f"orchestrator: {error}", err=True)
        sys.exit(2)
    sys.exit(0)


def log_warnings_only() -> None:
    """Keep this command's own log lines below warning off the terminal, which shows phases and addresses."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
