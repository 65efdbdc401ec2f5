"""What the local stack refuses to do, in words its user can act on."""

from __future__ import annotations


class StackRefused(RuntimeError):
    """The local servers cannot start as asked; the message names the cause and the remedy."""


class ChildFailed(RuntimeError):
    """A supervised process did not come up or kept dying; the message holds the last lines it printed."""
