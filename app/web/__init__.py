"""Helpers of the web process that know nothing of trading: deadlines, headers, request bodies, allowed senders."""
