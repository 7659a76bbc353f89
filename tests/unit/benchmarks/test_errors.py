"""What somebody sees who names a book, a pack or corpora that are not there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import engine, growth, quality, readers
from benchmarks.load import __main__ as load


@pytest.mark.parametrize(
    ("main", "arguments", "sentence"),
    [
        (engine.main, ["missing.txt"], r"error: .*No such file or directory: 'missing\.txt'"),
        (engine.main, ["latin.txt"], "error: a book is plain text in UTF-8, and this is none: .*position 3"),
        (engine.main, ["book.txt", "--pack", "nobody's"], "error: nobody's is not a model pack"),
        (growth.main, ["missing.txt"], "error: .*No such file"),
        (quality.main, ["nobody's", "--data", "."], "error: nobody's is not a model pack"),
        (load.main, ["http://localhost:9", "--text", "missing.txt"], "error: .*No such file"),
        (load.main, ["http://localhost:9", "--seconds", "0"], "error: .*connection"),
        (readers.main, ["book.txt", "--pack", "nobody's"], "error: nobody's is not a model pack"),
    ],
)
def test_what_stops_a_benchmark_is_told_in_one_line(
    main: Callable[[], None], arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text("Call me Ishmael.", encoding="utf-8")
    Path("latin.txt").write_bytes("café".encode("latin-1"))
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    with pytest.raises(SystemExit, match=sentence):
        main()
