"""The Celery app for worker, beat and Flower processes, set up from the environment."""

from __future__ import annotations

from config import settings
from tasks.celery_app import make_celery

app = make_celery(settings.load())
