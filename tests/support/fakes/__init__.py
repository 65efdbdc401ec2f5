"""Fakes behind the ports of the domain, and engines and workers that misbehave on purpose."""
