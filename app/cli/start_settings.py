"""Settings of a command that starts something; variables that look like a setting and are none are named on stderr."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from config import lookalikes
from config import settings as configuration
from config.settings import Settings


def load() -> Settings:
    """Load the settings, and print each variable that is set and only looks like one.

    Raises:
        SettingInvalid
    """
    settings = configuration.load()
    for line in describe_lookalikes():
        click.echo(f"warning: {line}", err=True)
    return settings


def describe_lookalikes() -> Iterator[str]:
    """Yield a line for each variable of the environment that looks like a setting and is none."""
    known = {declaration.variable for declaration in configuration.declarations(with_failpoints=True).values()}
    for name, meant in lookalikes.find_lookalikes(os.environ, known).items():
        yield f"{name} is no setting and has no effect; the setting is called {meant}"
