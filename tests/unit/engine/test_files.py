import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from gpu_worker.engine import Analysis, Options, Task
from gpu_worker.engine.document import Quote, Supersense, Tagging
from gpu_worker.engine.files import table
from tests.unit.engine.conftest import mentions_of, tokens_of

TEXT = "é Ann < went"


def analysis(options: Options | None = None) -> Analysis:
    """Return a tiny book: Ann, who is called `<Ann>` once, speaks the only quote."""
    tokens = [
        replace(token, onset=onset, offset=onset + len(token.word))
        for token, onset in zip(tokens_of(TEXT), (0, 2, 6, 8), strict=True)
    ]
    mentions = mentions_of(tokens, (1, 1, "PROP", "PER"), (1, 2, "PROP", "PER"))
    return Analysis(
        text=TEXT,
        options=options or Options(),
        tokens=tokens,
        tagging=Tagging(mentions, [Supersense(3, 3, "verb.motion", "went")], frozenset({3})),
        quotes=[Quote(0, 0), Quote(3, 3)],
        speakers=[0, None],
        refs=[1, 1],
        characters=[],
    )


def test_a_document_names_the_columns_of_the_files() -> None:
    found = analysis()
    document = found.document()
    assert document.keys() == {"tokens", "entities", "quotes", "characters", "events", "supersenses"}
    for part, name in (
        ("tokens", "tokens"),
        ("entities", "entities"),
        ("quotes", "quotes"),
        ("supersenses", "supersense"),
    ):
        header, *rows = found.files()[name].splitlines()
        assert [list(item) for item in document[part]] == [header.split("\t")] * len(rows)
        assert [[str(value) for value in item.values()] for item in document[part]] == [row.split("\t") for row in rows]


def test_a_document_is_json_with_numbers_as_numbers() -> None:
    document = json.loads(json.dumps(analysis().document()))
    assert document["quotes"][0]["char_id"] == 1
    assert document["quotes"][1]["char_id"] is None
    assert document["events"] == [{"token_ID_within_document": 3, "word": "went", "lemma": "went"}]


def test_offsets_count_bytes_but_characters_in_compat() -> None:
    offsets = [(item["byte_onset"], item["byte_offset"]) for item in analysis().document()["tokens"]]
    assert [TEXT.encode()[start:end].decode() for start, end in offsets] == TEXT.split()
    in_compat = analysis(Options(compat=True)).document()["tokens"]
    assert [(item["byte_onset"], item["byte_offset"]) for item in in_compat] == [(0, 1), (2, 5), (6, 7), (8, 12)]


@pytest.mark.parametrize("separator", ["\t", "\n", "\r", "\u2028"])
def test_a_separator_in_a_field_breaks_no_row_but_in_compat(separator: str) -> None:
    rows = [(1, f"a{separator}b")]
    assert table(("n", "text"), rows, compat=False) == "n\ttext\n1\ta b\n"
    assert table(("n", "text"), rows, compat=True) == f"n\ttext\n1\ta{separator}b\n"


def test_the_page_escapes_names_but_in_compat() -> None:
    assert "Ann &lt;" in analysis().files()["book.html"]
    assert "Ann <" in analysis(Options(compat=True)).files()["book.html"]


def test_the_page_cuts_long_names_but_in_compat() -> None:
    name = "Ann" * 50
    for compat, shown in ((False, f"1-{name[:99].lower()}…</sub>"), (True, f"1-{name.lower()}</sub>")):
        found = analysis(Options(compat=compat))
        long = replace(found.tagging, mentions=[replace(mention, text=name) for mention in found.tagging.mentions])
        assert shown in replace(found, tagging=long).files()["book.html"]


ENTITY, QUOTE, COREF = frozenset({Task.ENTITY}), frozenset({Task.ENTITY, Task.QUOTE}), frozenset(Task)
FILES = [
    (frozenset({Task.EVENT}), {"tokens"}),
    (frozenset({Task.SUPERSENSE}), {"tokens", "supersense"}),
    (ENTITY, {"tokens", "entities"}),
    (QUOTE, {"tokens", "entities", "quotes"}),
    (COREF, {"tokens", "entities", "quotes", "supersense", "book", "book.html"}),
]


@pytest.mark.parametrize(("tasks", "names"), FILES, ids=lambda value: "+".join(sorted(value)))
def test_tasks_decide_which_files_there_are(tasks: frozenset[Task], names: set[str]) -> None:
    assert analysis(Options(tasks=tasks)).files().keys() == names


def test_quotes_that_were_not_asked_for_are_not_in_the_document() -> None:
    assert analysis(Options(tasks=ENTITY)).document()["quotes"] == []


@pytest.mark.parametrize(
    ("choose", "complaint"),
    [
        (lambda: Options(tasks=frozenset()), "no task"),
        (lambda: Options(tasks=frozenset({"quotes"})), "no task is called quotes"),  # type: ignore[arg-type]
        (lambda: Options(tasks=frozenset({Task.COREF})), "coref needs entity and quote"),
        (lambda: Options(tasks=frozenset({Task.QUOTE})), "quote needs entity"),
        (lambda: Options(referential_gender_cats=((),)), "every category"),
        (lambda: Options(referential_gender_cats=(("a", "b"), ("a/b",))), "no two read alike"),
    ],
)
def test_choices_that_contradict_each_other_are_refused(choose: Callable[[], Options], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        choose()
