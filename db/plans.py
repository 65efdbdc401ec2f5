"""Plans and walk states as JSON documents: decimals as strings, durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from domain.decision import Plan, Target, Trailing
from domain.signal import Direction
from domain.trade import WalkState


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Return the JSON document of a plan."""
    trailing = plan.trailing
    return {
        "side": plan.side.value,
        "quantity": str(plan.quantity),
        "stop": str(plan.stop),
        "targets": [{"price": str(target.price), "fraction": str(target.fraction)} for target in plan.targets],
        "trailing": trailing and {"activation": str(trailing.activation), "distance": str(trailing.distance)},
        "max_hold_s": str(int(plan.max_hold.total_seconds())),
    }


def plan_from_json(stored: Mapping[str, Any]) -> Plan:
    """Return the plan of a JSON document."""
    trailing = stored["trailing"]
    return Plan(
        side=Direction(stored["side"]),
        quantity=Decimal(stored["quantity"]),
        stop=Decimal(stored["stop"]),
        targets=tuple(
            Target(price=Decimal(target["price"]), fraction=Decimal(target["fraction"])) for target in stored["targets"]
        ),
        trailing=trailing
        and Trailing(activation=Decimal(trailing["activation"]), distance=Decimal(trailing["distance"])),
        max_hold=timedelta(seconds=int(stored["max_hold_s"])),
    )


def walk_to_json(walk: WalkState) -> dict[str, Any]:
    """Return the JSON document of a walk's state."""
    return {
        "stop": str(walk.stop),
        "remaining": str(walk.remaining),
        "targets_hit": walk.targets_hit,
        "best": None if walk.best is None else str(walk.best),
        "legs": walk.legs,
        "price": None if walk.price is None else str(walk.price),
    }


def walk_from_json(stored: Mapping[str, Any]) -> WalkState:
    """Return the walk's state of a JSON document."""
    return WalkState(
        stop=Decimal(stored["stop"]),
        remaining=Decimal(stored["remaining"]),
        targets_hit=stored["targets_hit"],
        best=None if stored["best"] is None else Decimal(stored["best"]),
        legs=stored["legs"],
        price=None if stored.get("price") is None else Decimal(stored["price"]),
    )
