"""The pure core: words and rules of the referee, without I/O, clock or environment."""
