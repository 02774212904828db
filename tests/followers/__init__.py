"""What reads on behind the log."""
