"""The tables as SQLAlchemy classes, with their named constraints."""
