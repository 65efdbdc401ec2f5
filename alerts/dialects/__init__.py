"""The message forms of the senders we know, one small module for each, found by content."""
