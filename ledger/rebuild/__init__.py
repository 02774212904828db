"""Projections made anew from the log, by `evolve` alone."""
