"""`orchestrator verify`: proof that the invariants hold, or what breaks them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from app.cli.database import open_snapshot
from db import verification
from db.verification.rule import VerificationFinding


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")
def command(*, as_json: bool, data_dir: Path | None) -> None:
    """Check every invariant of the database; exit code 1 when one is broken."""
    with open_snapshot(data_dir) as session:
        findings = verification.check(session)
    click.echo(json.dumps(document(findings), indent=2) if as_json else _told(findings))
    if not all(one.holds for one in findings):
        raise SystemExit(1)


def document(findings: Sequence[VerificationFinding]) -> dict[str, object]:
    """Return what was found as one JSON document."""
    violations = [
        {"rule": one.rule, "count": one.count, "examples": list(one.examples)} for one in findings if not one.holds
    ]
    return {"ok": not violations, "violations": violations}


def _told(findings: Sequence[VerificationFinding]) -> str:
    broken = sum(not one.holds for one in findings)
    lines = [line for one in findings for line in _lines(one)]
    last = f"{broken} of {len(findings)} rules are broken" if broken else f"all {len(findings)} rules hold"
    return "\n".join([*lines, "", last])


def _lines(finding: VerificationFinding) -> list[str]:
    if finding.holds:
        return [f"✓ {finding.rule}: {finding.promise}"]
    examples = [f"    {one}" for one in finding.examples]
    return [f"✗ {finding.rule}: broken {finding.count} times: {finding.promise}", *examples]
