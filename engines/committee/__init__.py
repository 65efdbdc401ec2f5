"""Built-in engine B: a committee of agents, and a meta decision that resolves their opinions."""

from engines.committee.engine import CommitteeEngine as CommitteeEngine
