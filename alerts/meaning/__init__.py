"""From a parsed message to what it asks for: direction, action, symbol, price, time, and its content hash."""
