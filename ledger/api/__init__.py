"""The HTTP API: raw submissions in, outcomes out (docs/api.md). Flask and flask-smorest; marshmallow at the edge.

`application` makes the WSGI application of ledgers that are served; `serving` runs it on a production server.
"""
