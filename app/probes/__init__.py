"""What monitors ask: liveness, readiness and Prometheus metrics."""
