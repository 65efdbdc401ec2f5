"""Replay: real bars and a log of alerts, driven through the running stack as TradingView would."""
