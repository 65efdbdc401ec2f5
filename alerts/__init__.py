"""From the bytes of an alert to signals, without I/O: parsing, vocabulary, meaning, and one dialect for each sender."""
