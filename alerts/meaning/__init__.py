"""Interpretation of a decoded message: its direction, action, symbol, price, time and content hash."""
