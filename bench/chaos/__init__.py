"""Rehearsals of failure: a stack under load whose processes, servers and venue fail in a sequence set by a seed."""
