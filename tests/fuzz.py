"""Every operation of the OpenAPI document, asked with what fits it and with what does not, by Schemathesis.

    python -m tests.fuzz [CASES]

Answers must be of a declared status and media type, of their schema, and never 500; what does not fit must be refused.
The stream is left out: it does not end (tests/api/test_streaming.py). What is accepted is not asked for here: whether
a cursor, a signature or a payment is good is no matter of its form.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from ledger.log import instruction
from tests.api.desk import Desk

LEFT_OUT = ("/stream", "/tile/{path}")  # endless; a parameter with slashes, which tests/api/test_tiles.py is for
CASES = 5000
CHECKS = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_headers_conformance, checks.response_schema_conformance, checks.negative_data_rejection,
    checks.missing_required_header, checks.unsupported_method, checks.allow_header_conformance,
]  # fmt: skip


class Fuzz:
    """A desk at which somebody has paid, and all that is asked of it."""

    def __init__(self, url: str):
        self.desk = Desk(url)
        self.payer, self.payee = self.desk.territory.members(2)
        self.payment = self.desk.territory.clock.id()
        octets = self.desk.territory.transfer(self.payer, self.payee, 77, id=self.payment, memo="rent of May")
        assert self.desk.submit(octets).status_code == 201
        self.schema = schemathesis.openapi.from_wsgi("/openapi.json", self.desk.app)
        self.asked: Counter[tuple[str, int]] = Counter()  # by operation and status

    def close(self) -> None:
        self.desk.close()

    def run(self, cases: int) -> None:
        """At least so many cases, about the same for each operation; raises what is found, with the case that shows
        it."""
        found = [result.ok() for result in self.schema.get_all_operations()]
        ways = [way for one in found if not one.path.endswith(LEFT_OUT) for way in self._ways(one)]
        each = max(1, cases // len(ways))
        for number in count():  # where little can be varied, a round ends early
            for way in ways:
                self._run(*way, each, number)
            if self.asked.total() >= cases:
                return

    def _ways(self, operation: Any) -> Iterator[tuple[Any, dict[str, Any], GenerationMode]]:
        """Addresses by chance hit nothing, so the right ones are given too, and then the rest alone is by chance."""
        there = self._there(operation)
        yield operation, {"path_parameters": there}, GenerationMode.POSITIVE
        if operation.query or len(operation.body) > 0:
            yield operation, {"path_parameters": there}, GenerationMode.NEGATIVE
        if there:
            yield from ((operation, {}, mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))

    def _there(self, operation: Any) -> dict[str, Any]:
        """The address of what exists."""
        id = self.payment if "/instructions/" in operation.path else self.payer
        known = {"ledger": "solana", "log_index": 3, "id": id.hex()}
        return {one.name: known[one.name] for one in operation.path_parameters}

    def _run(self, operation: Any, fixed: dict[str, Any], mode: GenerationMode, each: int, number: int) -> None:
        @seed(number)
        @settings(max_examples=each, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                  phases=[Phase.generate])  # fmt: skip
        @given(case=operation.as_strategy(mode, **fixed), whose=st.integers(0, 2), good=st.booleans())
        def ask(case: Any, whose: int, good: bool) -> None:
            if good and mode is GenerationMode.POSITIVE:
                self._give_body(case)
            token = (lambda: None, lambda: self.desk.token(self.payer), self.desk.administrator)[whose]()
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            response = case.call_and_validate(checks=CHECKS, headers=headers)
            self.asked[f"{case.method} {case.path}", response.status_code] += 1

        ask()

    def _give_body(self, case: Any) -> None:
        """A text that is good, where chance would never write one."""
        bodies: dict[str, Callable[[], bytes]] = {"instructions": self._submission, "preview": self._draft,
                                                  "tokens": lambda: self.desk.login(self.payer)}  # fmt: skip
        name = case.path.rpartition("/")[2]
        if name in bodies and case.method == "POST" and case.media_type == "text/plain":
            case.body = bodies[name]().decode()

    def _submission(self) -> bytes:
        return self.desk.territory.transfer(self.payer, self.payee, 1)

    def _draft(self) -> bytes:
        sent = instruction.parse(self._submission())
        return instruction.unsigned(sent.text, sent.salted)


def main(cases: int) -> None:
    """Fuzz a fresh ledger, and say how much was asked."""
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(f"sqlite:///{folder}/ledger.db")
        try:
            fuzz.run(cases)
        finally:
            fuzz.close()
    for (operation, status), number in sorted(fuzz.asked.items()):
        print(f"{number:6} {status} {operation}")
    print(f"{fuzz.asked.total()} cases, and nothing found")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)
