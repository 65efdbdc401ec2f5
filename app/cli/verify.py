"""`orchestrator verify`: check of the invariants of everything that is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from app.cli import options
from app.cli.database import open_snapshot
from db import verification
from db.verification.rule import VerificationFinding


@click.command()
@options.JSON
@options.DATA_DIR
def command(*, as_json: bool, data_dir: Path | None) -> None:
    """Check that the stored data keep every rule.

    For example: no signal is lost or doubled, and orders moved only as they may. Exit code 1 when a rule is broken.
    """
    with open_snapshot(data_dir) as session:
        findings = verification.check(session)
    click.echo(json.dumps(build_document(findings), indent=2) if as_json else _format_findings(findings))
    if not all(finding.holds for finding in findings):
        raise SystemExit(1)


def build_document(findings: Sequence[VerificationFinding]) -> dict[str, object]:
    """Return the findings as one JSON document."""
    violations = [
        {"rule": finding.rule, "count": finding.count, "examples": list(finding.examples)}
        for finding in findings
        if not finding.holds
    ]
    return {"ok": not violations, "violations": violations}


def _format_findings(findings: Sequence[VerificationFinding]) -> str:
    broken = sum(not finding.holds for finding in findings)
    lines = [line for finding in findings for line in _format_finding(finding)]
    last = f"{broken} of {len(findings)} rules are broken" if broken else f"all {len(findings)} rules hold"
    return "\n".join([*lines, "", last])


def _format_finding(finding: VerificationFinding) -> list[str]:
    if finding.holds:
        return [f"✓ {finding.rule}: {finding.promise}"]
    examples = [f"    {example}" for example in finding.examples]
    return [f"✗ {finding.rule}: broken {finding.count} times: {finding.promise}", *examples]
