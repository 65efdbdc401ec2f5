"""Field names, words and symbols as senders write them."""
