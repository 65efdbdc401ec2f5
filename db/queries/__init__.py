"""Read-only queries over several tables: reports, traces, backlog, measures."""
