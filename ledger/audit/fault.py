"""What an audit finds."""


class Fault(Exception):
    """The first thing that is wrong: where (a log index, where there is one), and what, in one sentence."""

    def __init__(self, where: str, what: str):
        super().__init__(f"{where}: {what}")
        self.where, self.what = where, what


def at_entry(log_index: int, what: str) -> Fault:
    """A fault of one entry."""
    return Fault(f"entry {log_index}", what)
