"""A few hundred requests by chance at every test run; `make fuzz` sends five thousand."""

from tests.fuzz import LEFT_OUT, Fuzz


def test_a_few_hundred_cases(sqlite_url: str) -> None:
    fuzz = Fuzz(sqlite_url)
    try:
        fuzz.run(300)
    finally:
        fuzz.close()
    operations = {operation for operation, _ in fuzz.asked}
    assert len(operations) == sum(len(path) for path in _methods(fuzz)) - len(LEFT_OUT)
    assert {status for _, status in fuzz.asked} >= {200, 201, 204, 400, 401, 404}


def _methods(fuzz: Fuzz) -> list[set[str]]:
    document = fuzz.desk.get("/openapi.json").json
    assert document is not None
    return [set(item) - {"parameters"} for item in document["paths"].values()]
