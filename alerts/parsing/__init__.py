"""Decoding of alert bodies into payloads (JSON, broken JSON, plain text), and access to their fields and values."""
