"""Quotes of a novel are held against what readers annotated, each found speaker standing for one person."""

import csv
from pathlib import Path

from benchmarks.annotated import Attributed, annotations, right

COLUMNS = ["quoteID", "quoteText", "quoteByteSpans", "speaker", "quoteType"]


def _corpus(path: Path, *rows: tuple[str, str, str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS)
        writer.writerows((f"Q{place}", "Oh,\nno", spans, *row) for place, (spans, *row) in enumerate(rows))
    return path


def test_each_part_of_an_annotated_quote_is_found_where_it_begins(tmp_path: Path) -> None:
    path = _corpus(
        tmp_path / "quotation_info.csv",
        ("[[395, 414], [447, 499]]", "Mrs. Bennet", "Anaphoric"),
        ("[[735, 796]]", "Mr. Bennet", "Implicit"),
        ("[[900, 910]]", "Elizabeth", "Explicit"),
    )
    found = annotations(path, [394, 446, 600, 732, 880, 990])
    wife = Attributed("Mrs. Bennet", "Anaphoric")
    assert found == {0: wife, 1: wife, 3: Attributed("Mr. Bennet", "Implicit")}


def test_speakers_who_are_no_one_person_are_left_out(tmp_path: Path) -> None:
    path = _corpus(
        tmp_path / "quotation_info.csv",
        ("[[10, 20]]", "_unknowable", "Implicit"),
        ("[[30, 40]]", "['Jane', 'Lydia']", "Explicit"),
    )
    assert annotations(path, [9, 29]) == {}


def test_a_found_speaker_stands_for_one_person_and_a_person_for_one_speaker() -> None:
    speakers = ["Jane", "Jane", "Lydia", "Kitty", "Kitty"]
    true = {place: Attributed(name, "Explicit") for place, name in enumerate(speakers)}
    assert right({0: "7", 1: "7", 2: "7", 3: "8", 4: "9"}, true) in ({0, 1, 3}, {0, 1, 4})


def test_a_quote_without_a_speaker_is_not_right() -> None:
    true = {0: Attributed("Jane", "Explicit"), 1: Attributed("Jane", "Explicit")}
    assert right({0: "", 1: "7"}, true) == {1}
    assert right({0: "", 1: ""}, true) == set()
