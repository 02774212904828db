"""What every parser of this package raises."""


class Malformed(ValueError):
    """The octets are not of the format; the message names what is wrong, and quotes little of it."""
