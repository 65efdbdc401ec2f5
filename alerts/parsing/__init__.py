"""From bytes to payloads: JSON, JSON as templates break it, plain text; and the values and fields found in them."""
