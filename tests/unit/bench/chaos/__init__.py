"""Tests of the parts of `bench faults`."""
