"""Authentication and authorization: users with passwords and sessions, programs with tokens, scopes, CSRF, limits."""
