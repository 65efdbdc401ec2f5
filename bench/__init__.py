"""Benchmarks: the product's own processes on temporary servers, with references measured in the same run."""
