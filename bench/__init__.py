"""Benchmarks: the product's own processes on temporary servers, with reference rates measured in the same run."""
