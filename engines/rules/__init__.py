"""Built-in engine A: rules in two tiers, which block an entry or halve its size."""

from engines.rules.engine import RulesEngine as RulesEngine
