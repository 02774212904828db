"""Files that come in and go out: grammar alone, octets or text in, values out."""
