"""The log written to folders: a static site for everybody, and what refills a database for nobody else."""
