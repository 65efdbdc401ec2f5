"""Sessions, errors, migrations and helpers that every query uses."""
