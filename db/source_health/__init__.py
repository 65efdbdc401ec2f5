"""Whether sources are alive: when they last sent, which alerts never came, what must be told."""
