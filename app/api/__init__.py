"""`/api/v1`: what people and programs do by HTTP. A stranger is told the same for every path."""

from app.api.registration import mount

__all__ = ["mount"]
