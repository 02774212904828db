"""The database: SQLAlchemy Core, tables derived from the nouns, one write transaction, read queries.

SQLite by default, PostgreSQL where the URL names it. Bulk statements go to the driver through SQLAlchemy's
connection, since its own executemany costs three to six times more (docs/performance.md).
"""
