"""What travels: requests as they arrived, answers as they leave, and the calls between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from simulator.account import FillPlan
from simulator.faults import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request: header names in lower case, `query` and `body` as they were sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the query, or of a form in the body."""
        is_form = self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return dict(parse_qsl("&".join(one for one in (self.query, self.body if is_form else "") if one)))

    @property
    def document(self) -> Any:
        """The JSON body, an empty object when there is none."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer; a body of None is empty, text is sent as it is, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> bytes:
        """The body as it is sent."""
        if self.body is None:
            return b""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body, default=str)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was understood: what it is about, how to perform it, how the venue words a rejection of it."""

    venue: str
    kind: Kind
    client_id: str
    run: Callable[[FillPlan], Answer]
    rejection: Answer
