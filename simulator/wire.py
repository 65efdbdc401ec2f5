"""HTTP requests and answers of the simulator, and the venue calls that requests are resolved to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from simulator.faults import RequestKind
from simulator.orders import FillPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """An HTTP request: header names in lower case, `query` and `body` as they were sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters of the query and, for a form, of the body."""
        is_form = self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return dict(parse_qsl("&".join(part for part in (self.query, self.body if is_form else "") if part)))

    @property
    def document(self) -> Any:
        """Parsed JSON body; an empty object when there is no body."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireAnswer:
    """An HTTP answer; a body of None is empty, text is sent as it is, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> bytes:
        """Encoded body."""
        if self.body is None:
            return b""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body, default=str)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCall:
    """A request resolved to an operation of a venue: `run` performs it, `rejection` is the answer that rejects it."""

    venue: str
    kind: RequestKind
    client_id: str
    run: Callable[[FillPlan], WireAnswer]
    rejection: WireAnswer
