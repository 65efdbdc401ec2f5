"""The command line as it is typed: commands, arguments and options, without their help texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click


def collect(command: click.Command, name: str, parent: click.Context | None = None) -> dict[str, Any]:
    """Describe a command and everything below it."""
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    parameters = command.params
    options = (_option(parameter) for parameter in parameters if isinstance(parameter, click.Option))
    described: dict[str, Any] = {
        "arguments": [_argument(parameter) for parameter in parameters if isinstance(parameter, click.Argument)],
        "options": dict(sorted((*_help_option(command, context), *options))),
    }
    if isinstance(command, click.Group):
        below = {name: command.get_command(context, name) for name in sorted(command.list_commands(context))}
        described["commands"] = {
            name: collect(found, name, context) for name, found in below.items() if found is not None
        }
    return {key: value for key, value in described.items() if value}


def _help_option(command: click.Command, context: click.Context) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the option that shows the help, by its spellings below the whole command line.

    Click keeps the option of a command's first use in this process, which may have been a test of that command alone.
    """
    if names := command.get_help_option_names(context):
        yield ", ".join(sorted(names)), {"is_flag": True}


def _argument(argument: click.Argument) -> dict[str, Any]:
    return {"name": argument.human_readable_name, **_parameter(argument)}


def _option(option: click.Option) -> tuple[str, dict[str, Any]]:
    """Return all spellings of an option, and how it is used."""
    return ", ".join(sorted([*option.opts, *option.secondary_opts])), _parameter(option)


def _parameter(parameter: click.Parameter) -> dict[str, Any]:
    """Describe how often, and with which values, a parameter is given; what does not apply is left out."""
    described = {
        "required": parameter.required,
        "is_flag": isinstance(parameter, click.Option) and parameter.is_flag,
        "multiple": parameter.multiple,
        "nargs": parameter.nargs if parameter.nargs != 1 else None,
        "choices": list(parameter.type.choices) if isinstance(parameter.type, click.Choice) else None,
        "default": parameter.default if isinstance(parameter.default, str | int | float) else None,
    }
    return {key: value for key, value in described.items() if value not in (None, False)}
