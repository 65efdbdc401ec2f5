"""Builders: every value has a default, and a test names what it is about."""
