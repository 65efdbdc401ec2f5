"""The demo gives the figures it gave before: the whole product at once, from alerts to the report."""

from __future__ import annotations

import json
from pathlib import Path

from tests.contract import demo, documents


def test_the_document_demo_report_is_unchanged(shared_directory: Path) -> None:
    report = demo.report_of_the_checkout(shared_directory)

    documents.check("demo_report", demo.without_identities(report))


def test_another_version_of_an_engine_is_no_difference_and_another_figure_is() -> None:
    def a_report(version: str, *, srm_p: float, wins: int) -> str:
        report = {"book": f"replay:{version}", "engine": f"rules@{version}", "wins": wins, "health": {"srm_p": srm_p}}
        return json.dumps({"reports": [report]})

    first = demo.without_identities(a_report("0123456789ab", srm_p=0.5, wins=3))
    other = demo.without_identities(a_report("ba9876543210", srm_p=0.6, wins=3))
    worse = demo.without_identities(a_report("0123456789ab", srm_p=0.5, wins=2))

    assert documents.compare(first, other) == []
    assert documents.compare(first, worse) == ["-reports[0].wins = 3", "+reports[0].wins = 2"]
