"""Rehearsed failures: a whole stack under load whose processes, servers and venue fail by a seed's choice."""
