"""Keys at rest, and the signer: the operator's checkpoint key with a state of its own, outside the database."""
