"""The `comarca` command: the administrator's and operator's way to a ledger, a thin layer over the same functions."""
