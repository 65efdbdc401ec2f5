"""A simulated venue: a process that serves the parts of Binance's spot API and Alpaca's API that the clients use.

It is for tests and rehearsals. Its ledger file records everything it did, and `/_control` sets its faults.
"""
