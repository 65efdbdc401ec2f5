"""The webhook, from the request to the committed row: authenticate, receive, write, publish."""
