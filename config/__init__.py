"""Settings, logging and the Celery configuration: the only readers of the environment."""
