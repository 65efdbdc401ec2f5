"""The comparison of the two engines: pure functions over what a study recorded."""
