"""The comparison of a study and the trace of a signal, as text for a terminal, as a page and as JSON."""
