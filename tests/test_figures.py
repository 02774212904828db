"""What `make bench` writes: marks, table and plot of lines that are made up here, in a folder of the test's own."""

from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.marks import MARKS, Mark, judge
from benchmarks.rounds import Line

RUN = page.Run("2026-01-02", "a machine", 11)
HALF = Mark("half of the floor", "pay", "SQLite", "ratio", 0.5)
TWICE = Mark("twice at most", "pay", "SQLite", "times", 2)
TEN = Mark("ten at most", "pay", "SQLite", "figure", 10)


def pay(figure: float, on: str = "SQLite, 2 cores", floor: float | None = 5) -> Line:
    return Line("pay", on, figure, "µs", "the floor", floor, "a | b")


def verdicts(lines: list[Line], *marks: Mark) -> list[str]:
    return [one.verdict() for one in judge(lines, marks)]


@pytest.mark.parametrize(("figure", "reached"), [(9.9, "yes"), (10, "yes"), (10.1, "no")])
@pytest.mark.parametrize("mark", [HALF, TWICE, TEN])
def test_a_mark_is_read_off_its_line(mark: Mark, figure: float, reached: str) -> None:
    assert verdicts([pay(figure)], mark) == [reached]


def test_a_mark_without_its_line_or_its_floor_was_not_measured() -> None:
    assert verdicts([pay(1, "PostgreSQL"), Line("pay more", "SQLite", 1, "µs")], HALF) == ["not measured"]
    assert verdicts([pay(1, floor=None)], HALF, TEN) == ["not measured", "yes"]


def test_no_two_marks_say_the_same() -> None:
    assert len({mark.says for mark in MARKS}) == len(MARKS)


def test_the_page_keeps_what_was_written_by_hand(tmp_path: Path) -> None:
    file = tmp_path / page.PAGE
    file.write_text(f"# By hand\n\n{page.BEGIN}old figures\n{page.END}\n## Peers\n")
    clients = [
        Line(f"HTTP, {n} client{'s' * (n > 1)}", "SQLite", 2000, "µs a payment", "trivial route", 500) for n in (1, 64)
    ]
    page.write(tmp_path, [*clients, pay(12345.6)], RUN)
    text = file.read_text()
    assert text.startswith(f"# By hand\n\n{page.BEGIN}") and text.endswith(f"{page.END}\n## Peers\n")
    assert "old figures" not in text and "Measured on 2026-01-02" in text and "a machine. Each" in text
    assert "| pay | SQLite, 2 cores | 12,346 µs | the floor | 5.00 | 0.00 | a \\| b |" in text
    assert (
        "| one signed transfer a request, 64 clients: 0.5 of the trivial route | 0.25 | no | HTTP, 64 clients" in text
    )
    page.write(tmp_path, [*clients, pay(12345.6)], RUN)
    assert file.read_text() == text


@pytest.mark.parametrize("text", [None, "# By hand\n", page.END + page.BEGIN])
def test_a_page_without_a_place_is_refused_and_stays(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / page.PAGE).write_text(text)
    with pytest.raises(page.NoPlace, match="needs these two lines"):
        page.write(tmp_path, [pay(1)], RUN)
    assert (tmp_path / page.PAGE).exists() == (text is not None)


def test_the_documents_have_the_place() -> None:
    page.around(Path(__file__).parent.parent / "docs" / page.PAGE)


def test_the_same_lines_draw_the_same_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="only `make bench` installs what draws the plot")
    from benchmarks import plot

    lines = [Line(f"HTTP, {n} clients", "SQLite", 2000, "µs", "trivial route", 500) for n in (64, 8)]
    drawn = []
    for name in ("one", "two"):
        plot.draw([*lines, pay(1)], tmp_path / name / "http.svg")
        drawn.append((tmp_path / name / "http.svg").read_bytes())
    assert plot.rates(lines) == [(8, 500, 2000), (64, 500, 2000)]
    assert drawn[0] == drawn[1] and b">2,000<" in drawn[0] and b"dc:date" not in drawn[0]
