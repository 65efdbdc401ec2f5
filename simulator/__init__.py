"""A venue of our own: a process that speaks the parts of Binance spot and Alpaca that the real clients use.

It is for tests and rehearsals. What it executed stands in its ledger, and its faults are asked for at `/_control`.
"""
