"""Audit: verify everything, decide everything again, and compare every table with a rebuilt scratch database."""
