"""Built-in engine A: tiered rules. Block, then caution, then enter."""

from engines.rules.engine import RulesEngine as RulesEngine
