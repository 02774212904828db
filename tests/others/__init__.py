"""Proof by others: what tools that no one here wrote, and programs from the documents alone, say of a ledger."""
