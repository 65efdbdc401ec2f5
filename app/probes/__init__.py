"""Endpoints for monitoring: liveness, readiness and Prometheus metrics."""
