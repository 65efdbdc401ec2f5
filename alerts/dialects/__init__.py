"""Message forms of known senders: one small module for each, with a `DIALECT` that `alerts.understand` lists."""
