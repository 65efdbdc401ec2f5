"""Helpers of the tests: builders of values and rows, fakes behind the ports, servers that tests start."""
