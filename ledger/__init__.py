"""Comarca: a ledger for local currencies and mutual credit. docs/architecture.md says what stands where."""
