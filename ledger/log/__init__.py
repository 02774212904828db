"""The formats that are signed, hashed and published, pure: one file a format, octets in and octets out.

docs/formats.md is their specification in one page; each file says which published one it follows.
"""
