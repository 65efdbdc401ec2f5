"""Engine versions follow code and configuration, and nothing else."""

from __future__ import annotations

import re
from decimal import Decimal

from engines import version
from engines.committee import CommitteeEngine
from engines.committee.meta import CommitteeConfig
from engines.rules import RulesEngine
from engines.rules.finding import MissingConfidence, RulesConfig


def test_a_version_is_twelve_hex_digits_and_the_same_every_time() -> None:
    assert re.fullmatch("[0-9a-f]{12}", RulesEngine().version)
    assert RulesEngine().version == RulesEngine(RulesConfig()).version


def test_engines_and_configurations_have_versions_of_their_own() -> None:
    versions = {
        RulesEngine().version,
        RulesEngine(RulesConfig(missing_confidence=MissingConfidence.BLOCK)).version,
        CommitteeEngine().version,
        CommitteeEngine(CommitteeConfig(threshold=Decimal(51))).version,
    }

    assert len(versions) == 4


def test_order_and_newlines_do_not_matter_but_names_and_code_do() -> None:
    config = RulesConfig()
    plain = version.hash_sources([("a.py", "x = 1\n"), ("b.py", "y = 2\n")], config)

    assert version.hash_sources([("b.py", "y = 2\r\n"), ("a.py", "x = 1\r\n")], config) == plain
    assert version.hash_sources([("a.py", "x = 2\n"), ("b.py", "y = 2\n")], config) != plain
    assert version.hash_sources([("a.py", "x = 1\n"), ("c.py", "y = 2\n")], config) != plain
