"""From octets to a verified instruction, outside every lock: checks 1 and 2 of docs/formats.md, and the anchor.

What must be looked up comes in as arguments: the door passes the database's, an audit the replayed state's.
"""
