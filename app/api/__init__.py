"""The HTTP API below `/api/v1`. Requests without valid credentials get 401 on every path."""

from app.api.registration import mount

__all__ = ["mount"]
