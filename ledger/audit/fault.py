"""What an audit finds."""


class Fault(Exception):
    """The first thing that is wrong: where (a log index, where there is one), and what, in one sentence."""

    def __init__(self, where: str, what: str):
        super().__init__(where, what)  # both, as it crosses from one process to another
        self.where, self.what = where, what

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def at_entry(log_index: int, what: str) -> Fault:
    """A fault of one entry."""
    return Fault(f"entry {log_index}", what)
