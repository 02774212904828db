"""Consumers of the log: each reads on from its own position, so that nothing is lost between the log and them."""
