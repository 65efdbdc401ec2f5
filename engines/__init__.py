"""Trading engines: two built-in ones, and adapters for a user's own engine in a child process or behind a URL.

An engine is a pure function from a signal and a frozen context to a decision.
"""
