"""Operations that users carry out; each takes an audit context, writes an audit entry and returns a document.

The command line, the API and the console only render the documents.
"""
