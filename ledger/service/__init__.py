"""The one door for writes: a batch goes in, outcomes come out, all in one database transaction."""
