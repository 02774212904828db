"""Group commit: what waits is gathered into one batch, and one signed checkpoint follows each."""
