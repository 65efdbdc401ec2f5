"""The pipeline: Celery tasks that move signals through their stages, walk exits and sweep up what stalled."""
