"""Servers and processes that tests start, stop, slow down and kill."""
