"""Who may come in: people with passwords and sessions, programs with tokens, and what each of them may do."""
