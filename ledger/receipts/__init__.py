"""Receipts: what a member keeps for ever and can check offline. Made from rows that are given, verified from octets."""
