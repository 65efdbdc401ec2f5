"""Spellings that senders use for field names, instructions and symbols."""
