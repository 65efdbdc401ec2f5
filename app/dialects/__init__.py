"""Readings of alert bodies: one small module per sender's shape behind one Protocol, found by content."""
