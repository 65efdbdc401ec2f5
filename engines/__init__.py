"""Trading engines: two that are built in, and the ways to run one's own beside them.

An engine is pure: it gets a frozen context and answers with a decision, and the same input gives the same answer.
"""
