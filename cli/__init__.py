"""The command `comarca`: a thin layer over what the ledger's modules do."""
