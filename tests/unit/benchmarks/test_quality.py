"""What is compared with what when a whole run is scored."""

from pathlib import Path

import pytest

from benchmarks.quality_end_to_end import Found, Tally
from benchmarks.quality_text import Annotated, annotated, locate
from gpu_worker.engine.document import Mention, Quote
from training.litbank import Novel, tokens_of


def places(words: str, original: str) -> list[str]:
    return [original[start:end] for start, end in locate(words.split(), original)]


def test_words_are_found_where_they_stand_in_the_original() -> None:
    original = "“_My_ dear Mr. Bennet,”\nsaid his lady--"
    assert places("'' My dear Mr. Bennet , '' said his lady --", original) == (
        ["“", "My", "dear", "Mr.", "Bennet", ",", "”", "said", "his", "lady", "--"]
    )


def test_what_the_original_has_beyond_is_passed_over() -> None:
    assert places("went on . He", "went on.\n\n[Illustration]\n\nHe") == ["went", "on", ".", "He"]


def test_a_word_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="'Darcy', word 1, is not in the original"):
        locate(["Mr.", "Darcy"], "Mr. Bingley")


def test_annotations_are_told_by_the_characters_of_the_annotated_part(tmp_path: Path) -> None:
    (tmp_path / "original_head").mkdir()
    (tmp_path / "original_head" / "emma.txt").write_text("EMMA\n\nEmma smiled. “Oh!” And so on.", encoding="utf-8")
    tokens = tokens_of([["Emma", "smiled", "."], ["''", "Oh", "!", "''"]], [0] * 7)
    emma = Mention(0, 0, "PROP", "PER", "Emma")
    novel = Novel("emma", tokens, [emma], ["Emma-1"], frozenset([1]), [Quote(3, 6)], ["Emma-1"], 1.0)
    found = annotated(novel, tmp_path)
    assert found.text == "Emma smiled. “Oh!”"
    assert found.mentions == {((0, 4), "PROP", "PER"): "Emma-1"}
    assert [found.text[start:end] for start, end in found.events] == ["smiled"]
    assert [found.text[start:end] for start, end in found.quotes] == ["“Oh!”"]


#: Emma (0-4) and Harriet (10-17) talk; she (20-23) is Emma.
EMMA, HARRIET, SHE = (0, 4), (10, 17), (20, 23)
GOLD = Annotated(
    "",
    {(EMMA, "PROP", "PER"): "Emma", (HARRIET, "PROP", "PER"): "Harriet", (SHE, "PRON", "PER"): "Emma"},
    frozenset([(5, 9)]),
    {(30, 40): "Emma", (50, 60): "Harriet"},
)


def scored(found: Found) -> dict[str, dict[str, float]]:
    tally = Tally()
    tally.count(0, GOLD, found)
    return tally.scores()


def test_a_perfect_run_scores_a_hundred_everywhere() -> None:
    scores = scored(
        Found(
            {(EMMA, "PROP", "PER"): 1, (HARRIET, "PROP", "PER"): 2, (SHE, "PRON", "PER"): 1},
            frozenset([(5, 9)]),
            {(30, 40): (EMMA, 1), (50, 60): (HARRIET, 2)},
        )
    )
    assert {figure for part in scores.values() for figure in part.values()} == {100.0}


def test_missed_and_spurious_mentions_count_against_coreference() -> None:
    scores = scored(Found({(EMMA, "PROP", "PER"): 1, ((70, 75), "PROP", "PER"): 1}, frozenset(), {}))
    assert scores["entities"]["f1"] == pytest.approx(100 * 2 * 1 / (2 + 3))
    assert scores["coreference"]["muc"] == 0
    # Recall: of Emma's three mentions one is found, in a cluster of which half is hers. Precision: that half, of two.
    assert scores["coreference"]["b3"] == pytest.approx(100 * 2 * (0.5 / 3) * 0.25 / (0.5 / 3 + 0.25), abs=0.01)


def test_a_quote_is_answered_by_the_found_one_that_covers_most_of_it() -> None:
    scores = scored(
        Found(
            {(EMMA, "PROP", "PER"): 1, (HARRIET, "PROP", "PER"): 2},
            frozenset(),
            {(28, 33): (HARRIET, 2), (33, 41): (EMMA, 1), (50, 60): None},
        )
    )
    assert scores["quotes"]["f1"] == pytest.approx(100 * 2 * 1 / (2 + 3))
    assert scores["speakers"]["accuracy"] == 50.0
