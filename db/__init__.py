"""Postgres: rows, constraints and the set-based SQL that moves them; functions here never commit."""
