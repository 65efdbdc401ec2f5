"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path

import click

DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory of the instance (default: DATABASE_URL, else the one used last).",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
REASON = click.option("--reason", required=True, help="Why; the audit log keeps it.")
OPTIONAL_REASON = click.option("--reason", default="", help="Why; the audit log keeps it.")
LIMIT = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many, the newest."
)
