"""Benchmarks of the settlement path, each beside a floor taken in the same run (docs/performance.md; `make bench`)."""
