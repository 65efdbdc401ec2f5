"""Built-in engine B: a committee of agents and a meta decision."""

from engines.committee.engine import CommitteeEngine as CommitteeEngine
