"""Understanding of alerts: the bytes of a webhook body to signals, without I/O.

`understand` decodes a body (`parsing`), chooses a dialect (`dialects`) and reads the values (`meaning`), by the
spellings in `vocabulary`.
"""
