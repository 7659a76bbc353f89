"""Two `.quotes` files agree where they give the same quotes to the same people."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.agreement import Spoken, agreement, main, matched, read

_EMMA, _HARRIET, _NOBODY = "12", "7", ""


def _quotes(*speakers: str, lengths: tuple[int, ...] = (3, 9, 4, 12, 7)) -> list[Spoken]:
    return [
        Spoken(20 * place, length, speaker, "she", "“ Oh ! ”")
        for place, (length, speaker) in enumerate(zip(lengths, speakers, strict=True))
    ]


def test_speakers_under_other_numbers_are_the_same_people() -> None:
    ours = _quotes(_EMMA, _HARRIET, _EMMA, _HARRIET, _EMMA)
    found = agreement(ours, _quotes("1", "2", "1", "2", "1"))
    assert (found.shared, found.same) == (5, 5)
    assert found.pairs == [(_EMMA, "1", 3), (_HARRIET, "2", 2)]


def test_one_speaker_is_never_two_of_the_other_file() -> None:
    found = agreement(_quotes(*[_EMMA] * 5), _quotes("1", "2", "1", "2", "1"))
    assert (found.shared, found.same) == (5, 3)


def test_pairs_are_chosen_for_the_most_quotes_in_all() -> None:
    ours = _quotes("a", "a", "a", "b", "b", lengths=(1, 2, 3, 4, 5))
    theirs = _quotes("x", "x", "y", "x", "x", lengths=(1, 2, 3, 4, 5))
    assert agreement(ours, theirs).same == 3


def test_those_who_share_no_quote_are_no_pair_though_nobody_else_is_left() -> None:
    assert matched(Counter({("a", "x"): 5, ("b", "x"): 1, ("a", "y"): 1})) == {("a", "x")}


def test_a_quote_that_one_file_lacks_shifts_no_other() -> None:
    ours = _quotes(_EMMA, _HARRIET, _EMMA, _HARRIET, _EMMA)
    found = agreement(ours, [*ours[:2], *ours[3:]])
    assert (found.shared, found.same) == (4, 4)


def test_the_quotes_that_differ_are_those_whose_people_are_not_one() -> None:
    ours = _quotes(_EMMA, _HARRIET, _EMMA, _HARRIET, _NOBODY)
    theirs = _quotes("1", "2", "2", "2", _NOBODY)
    found = agreement(ours, theirs)
    assert found.same == 3
    assert list(found.differing) == [(ours[2], theirs[2]), (ours[4], theirs[4])]


def test_differing_quotes_are_shown_with_both_speakers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "quote_start\tquote_end\tmention_start\tmention_end\tmention_phrase\tchar_id\tquote\n"
    rows = {"ours": ("Emma\t1", "Emma\t1", "Emma\t1"), "theirs": ("Emma\t7", "Emma\t7", "Harriet\t8")}
    for name, speakers in rows.items():
        lines = [f"{9 * i}\t{9 * i + 3 + i}\t0\t0\t{speaker}\t“ {i} ”\n" for i, speaker in enumerate(speakers)]
        (tmp_path / name).write_text(head + "".join(lines), encoding="utf-8")
    files = [str(tmp_path / name) for name in rows]
    monkeypatch.setattr("sys.argv", ["agreement", *files, "--differing", "40"])
    main()
    assert capsys.readouterr().out.splitlines()[-2:] == ["token 18: Emma | Harriet", "        “ 2 ”"]


def test_less_than_no_quotes_cannot_be_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["agreement", "ours", "theirs", "--differing", "-1"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "--differing is how many quotes to show, 0 or more" in capsys.readouterr().err


def test_an_unknown_speaker_agrees_with_nobody() -> None:
    nobody = _quotes(*[_NOBODY] * 5)
    found = agreement(nobody, nobody)
    assert (found.shared, found.same, list(found.pairs)) == (5, 0, [])


def test_what_is_no_file_of_quotes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "emma.entities"
    path.write_text("COREF\tstart_token\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"emma\.entities is no \.quotes file of BookNLP: it has no column char_id"):
        read(path)


def test_a_file_is_read_whatever_marks_its_quotes_have(tmp_path: Path) -> None:
    path = tmp_path / "emma.quotes"
    path.write_text(
        "quote_start\tquote_end\tmention_start\tmention_end\tmention_phrase\tchar_id\tquote\n"
        '4\t9\t12\t12\tEmma\t12\t" " Well , "\n'
        "20\t21\tNone\tNone\tNone\tNone\t“ Oh ! ”\n",
        encoding="utf-8",
    )
    assert read(path) == [
        Spoken(4, 5, "12", "Emma", '" " Well , "'),
        Spoken(20, 1, "", "None", "“ Oh ! ”"),
    ]
