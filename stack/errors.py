"""Errors of the local stack."""

from __future__ import annotations


class StackRefused(RuntimeError):
    """The local servers cannot start as asked; the message names the cause and the remedy."""


class ChildFailed(RuntimeError):
    """A supervised process did not start or kept dying; the message holds the last lines it printed."""
