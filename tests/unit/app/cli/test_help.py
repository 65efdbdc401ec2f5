"""Help texts: every listing shows whole sentences on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from app.cli import cli

_COLUMNS = 80
_MARGINS = 6  # click: two spaces before the name, two after it, and its own reserve of two


def groups(command: click.Command, name: str) -> Iterator[tuple[str, click.Group]]:
    """Yield a group and all groups below it, each with its full name."""
    if isinstance(command, click.Group):
        yield name, command
        context = click.Context(command, info_name=name)
        for below in command.list_commands(context):
            subcommand = command.get_command(context, below)
            assert subcommand is not None
            yield from groups(subcommand, f"{name} {below}")


GROUPS = dict(groups(cli, "orchestrator"))


@pytest.mark.parametrize("name", GROUPS)
def test_no_sentence_of_a_listing_is_cut_off_at_80_columns(name: str) -> None:
    context = click.Context(GROUPS[name], info_name=name)
    names = GROUPS[name].list_commands(context)
    room = _COLUMNS - _MARGINS - max(map(len, names))

    commands = {below: GROUPS[name].get_command(context, below) for below in names}
    sentences = {below: found.get_short_help_str(room) for below, found in commands.items() if found is not None}

    assert sentences.keys() == set(names)
    assert [below for below, sentence in sentences.items() if sentence.endswith("...") or not sentence] == []
