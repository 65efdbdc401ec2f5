"""The command line as it is typed: commands, arguments and options, without their help texts."""

from __future__ import annotations

from typing import Any

import click


def collect(command: click.Command, name: str, parent: click.Context | None = None) -> dict[str, Any]:
    """Describe a command and everything below it."""
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    parameters = command.get_params(context)
    described: dict[str, Any] = {
        "arguments": [_argument(one) for one in parameters if isinstance(one, click.Argument)],
        "options": dict(sorted(_option(one) for one in parameters if isinstance(one, click.Option))),
    }
    if isinstance(command, click.Group):
        below = {one: command.get_command(context, one) for one in sorted(command.list_commands(context))}
        described["commands"] = {one: collect(found, one, context) for one, found in below.items() if found is not None}
    return {key: value for key, value in described.items() if value}


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
