from training.paragraphs import align

ORIGINAL = """THE TITLE

    by Somebody

CHAPTER I

"It is late--very late," said Anne;
"let us go."

_He_ went.
   \n
The road was long, and the
night was dark.
"""


def said(text: str) -> list[str]:
    return text.split()


def test_words_get_the_paragraphs_that_blank_lines_make() -> None:
    words = [
        "CHAPTER",
        "I",
        "“",
        "It",
        "is",
        "late",
        "--",
        "very",
        "late",
        ",",
        "”",
        "said",
        "Anne",
        ";",
        "“",
        "let",
        "us",
        "go",
        ".",
        "”",
        "He",
        "went",
        ".",
        "The",
        "road",
        "was",
        "long",
    ]
    alignment = align(words, ORIGINAL)
    assert [words[0], words[2], words[20], words[23]] == ["CHAPTER", "“", "He", "The"]
    assert alignment.paragraphs == [0] * 2 + [1] * 18 + [2] * 3 + [3] * 4
    assert alignment.aligned == 1


def test_words_that_the_original_lacks_go_with_the_one_before() -> None:
    words = [
        "“",
        "let",
        "us",
        "go",
        ".",
        "”",
        "He",
        "really",
        "did",
        ",",
        "he",
        "went",
        ".",
        "The",
        "road",
        "was",
        "long",
    ]
    alignment = align(words, ORIGINAL)
    paragraph = dict(zip(words, alignment.paragraphs, strict=True))
    assert (paragraph["go"], paragraph["The"]) == (0, 2)
    assert 0.5 < alignment.aligned < 1


def test_a_text_that_has_nothing_to_do_with_the_original_is_one_paragraph() -> None:
    alignment = align(said("completely other words stand here"), ORIGINAL)
    assert set(alignment.paragraphs) == {0}
    assert alignment.aligned == 0
