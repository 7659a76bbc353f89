import gzip
from pathlib import Path

import pytest

from gpu_worker.engine.document import Mention, Quote
from training import litbank, semcor
from training.errors import DataError

SENTENCES = "Anne met old Tom .\n“ Hm , ” said he .\n"
EVENTS = "Anne\tO\nmet\tEVENT\nold\tO\nTom\tO\n.\tO\n“\tO\nHm\tO\n,\tO\n”\tO\nsaid\tEVENT\nhe\tO\n.\tO\n"
MENTIONS = (
    "MENTION\tT1\t0\t0\t0\t0\tAnne\tPER\tPROP\nMENTION\tT2\t0\t2\t0\t3\told Tom\tPER\tNOM\n"
    "MENTION\tT3\t1\t5\t1\t5\the\tPER\tPRON\nCOREF\tT2\tTom-1\nCOREF\tT3\tTom-1\n"
)
QUOTES = "QUOTE\tQ1\t1\t0\t1\t3\t“ Hm , ”\nATTRIB\tQ1\tTom-1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "train.ids": "1_a_brat.tsv\n",
        "coref/tsv/1_a_brat.txt": SENTENCES,
        "coref/tsv/1_a_brat.ann": MENTIONS,
        "events/tsv/1_a_brat.tsv": EVENTS,
        "quotations/tsv/1_a_brat.ann": QUOTES,
        "original_head/1_a.txt": 'Anne met old Tom.\n\n"Hm," said he.\n',
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_novel_has_all_that_is_annotated_at_places_of_its_tokens(folder: Path) -> None:
    (novel,) = litbank.read_split(folder, "train")
    assert [token.word for token in novel.tokens] == SENTENCES.split()
    assert [token.sentence for token in novel.tokens] == [0] * 5 + [1] * 7
    assert [token.paragraph for token in novel.tokens] == [0] * 5 + [1] * 7
    assert novel.mentions == [
        Mention(0, 0, "PROP", "PER", "Anne"),
        Mention(2, 3, "NOM", "PER", "old Tom"),
        Mention(10, 10, "PRON", "PER", "he"),
    ]
    assert novel.entities == ["alone-T1", "Tom-1", "Tom-1"]
    assert novel.events == {1, 9}
    assert (novel.quotes, novel.speakers) == ([Quote(5, 8)], ["Tom-1"])


def test_a_text_that_two_layers_tell_differently_is_refused(folder: Path) -> None:
    (folder / "events" / "tsv" / "1_a_brat.tsv").write_text("Anne\tO\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 words, and the same text has 12"):
        litbank.read_split(folder, "train")


def test_brown_texts_go_to_the_split_of_their_name(tmp_path: Path) -> None:
    lines = "br-a01\tNew PROPN B-noun.location\tYork PROPN I-noun.location\tis AUX B-verb.stative\n" * 2
    lines += "br-f10\tgood ADJ O\n"
    (tmp_path / "semcor.tsv.gz").write_bytes(gzip.compress(lines.encode()))
    (text,) = semcor.read_split(tmp_path, "train")
    assert [(token.word, token.pos, token.sentence) for token in text.tokens[2:4]] == [
        ("is", "AUX", 0),
        ("New", "PROPN", 1),
    ]
    assert list(text.spans()) == [
        (0, 1, "noun.location"),
        (2, 2, "verb.stative"),
        (3, 4, "noun.location"),
        (5, 5, "verb.stative"),
    ]
    assert [text.name for text in semcor.read_split(tmp_path, "test")] == ["br-f10"]
    assert semcor.read_split(tmp_path, "dev") == []


def test_the_splits_of_brown_texts_share_no_text() -> None:
    assert (len(semcor.DEV), len(semcor.TEST)) == (10, 18)
    assert semcor.DEV.isdisjoint(semcor.TEST)


WHOLE = gzip.compress(b"br-a01\tNew PROPN O\tYork PROPN O\n" * 20)


@pytest.mark.parametrize(
    "content",
    [WHOLE[:-12], WHOLE[:10] + b"\xff" * 20, gzip.compress(b"br-a01\tNew PROPN\n"), gzip.compress(b"\xff\n")],
    ids=["cut", "garbage", "two fields", "no UTF-8"],
)
def test_a_damaged_semcor_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "semcor.tsv.gz").write_bytes(content)
    with pytest.raises(DataError, match="does not hold SemCor"):
        semcor.read_split(tmp_path, "train")
