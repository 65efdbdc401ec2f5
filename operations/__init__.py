"""One function for each act of an operator: it takes who, why and when, writes the audit entry, returns a document."""
