"""The outside: webhook, pages, command line, local servers, replay, benchmarks."""
