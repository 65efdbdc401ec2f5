"""key|strategy|action|ticker."""

from __future__ import annotations

from app.dialects.shape import Shape

DIALECT = Shape(name="piped", all_of=("key", "strategy", "action", "ticker"))
