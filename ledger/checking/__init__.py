"""Checks an exported log by itself: this package shares no code with the server but `ledger.log`, the formats."""
