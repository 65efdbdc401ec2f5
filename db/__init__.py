"""The database: tables, and modules of SQL for each noun; functions here never commit."""
