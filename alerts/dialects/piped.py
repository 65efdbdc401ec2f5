"""A row with pipes between its columns: key|strategy|action|ticker."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

DIALECT = Shape(name="piped", all_of=("key", "strategy", "action", "ticker"))
