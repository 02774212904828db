"""What the store raises."""


class StoreError(Exception):
    """The database cannot be used as it is; the message says what was found and what to do."""


class Unavailable(Exception):
    """The database did not answer as it should (lock, disk, connection): whether the batch was written is unknown,
    so ask for the outcome by id, or send the same text again."""


class Unbalanced(Exception):
    """A batch whose balance changes do not sum to zero: a defect, and nothing of it is written."""
