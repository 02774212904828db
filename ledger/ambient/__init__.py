"""What comes from outside the program: the clock, ids and chance, settings, log output."""
