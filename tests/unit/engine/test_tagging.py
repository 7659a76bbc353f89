from pathlib import Path

import pytest

from gpu_worker.engine import tagging
from gpu_worker.engine.document import Tagging, Task, Token
from gpu_worker.engine.errors import Cancelled
from gpu_worker.engine.pack import Pack, load_pack
from tests.unit.engine import tiny

TEXT = (
    "Mr. Bennet smiled at his wife . “ You know Netherfield Park , my dear ? ” "
    "Elizabeth walked to the old house of her father in London ."
)


def _tokens(text: str, sentence_ends: str = ".") -> list[Token]:
    tokens, sentence = [], 0
    for index, word in enumerate(text.split()):
        pos = "VERB" if word in {"smiled", "walked"} else "NOUN"
        tokens.append(Token(0, sentence, 0, index, word, word, index, index + 1, pos, "NN", "dep", index))
        sentence += word == sentence_ends
    return tokens


@pytest.fixture(scope="module")
def mini() -> Pack:
    return load_pack(tiny.MINI, "cpu")


@pytest.fixture(scope="module")
def random_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return load_pack(tiny.make(tmp_path_factory.mktemp("tiny")), "cpu")


def _tag(tokens: list[Token], pack: Pack, *, tasks: frozenset[Task] = tagging.TASKS, compat: bool = False) -> Tagging:
    return tagging.tag(tokens, pack, tasks=tasks, compat=compat, advance=lambda _: None)


def test_people_places_and_what_happens_are_found(mini: Pack) -> None:
    found = _tag(_tokens(TEXT), mini)
    names = {(mention.text, mention.label) for mention in found.mentions}
    assert {("Mr. Bennet", "PROP_PER"), ("London", "PROP_GPE"), ("his wife", "NOM_PER"), ("his", "PRON_PER")} <= names
    assert {TEXT.split()[event] for event in found.events} >= {"smiled", "walked"}
    assert ("walked", "verb.motion") in {(span.text.split()[0], span.category) for span in found.supersenses}
    assert found.mentions == sorted(found.mentions)


def test_a_task_not_asked_for_leaves_its_part_empty(mini: Pack) -> None:
    found = _tag(_tokens(TEXT), mini, tasks=frozenset({Task.EVENT}))
    assert not found.mentions
    assert not found.supersenses
    assert found.events


def test_a_windows_tags_depend_on_its_neighbours_in_compat_alone(random_pack: Pack) -> None:
    """Upstream's LSTMs read the padding up to the longest window of the batch; by default nothing does."""
    long = "the " * 498 + "."
    shorts = [f"{first} saw the {second} of Rome ." for first in ("He", "Jane", "dogs") for second in ("fall", "men")]

    def spans_of(short: str, text: str, *, compat: bool) -> list[tuple[int, int, str]]:
        found = _tag(_tokens(text), random_pack, compat=compat).supersenses
        return [(span.start, span.end, span.category) for span in found if span.end < len(short.split())]

    def changed(*, compat: bool) -> bool:
        return any(
            spans_of(short, short, compat=compat) != spans_of(short, f"{short} {long}", compat=compat)
            for short in shorts
        )

    assert changed(compat=True)
    assert not changed(compat=False)


def test_mentions_are_the_same_whether_or_not_coreference_reads_along(mini: Pack) -> None:
    tokens = _tokens(TEXT)
    reader = mini.shared_reader(tokens, compat=False)
    along = tagging.tag(tokens, mini, tasks=tagging.TASKS, compat=False, advance=lambda _: None, reader=reader)
    assert along == _tag(tokens, mini)


NASTY = {
    "an endless word": "a" * 100_000,
    "punctuation": "! ? … — ” ’ ; : " * 200,
    "one letter": "I",
    "another script": "ὦ ξεῖν’ ἀγγέλλειν 山 مرحبا 😀",
    "special tokens": "[CLS] [SEP] [PAD] [CAP] [MASK]",
}


@pytest.mark.parametrize("compat", [False, True], ids=["default", "compat"])
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_no_text_makes_the_tagger_fail(random_pack: Pack, text: str, compat: bool) -> None:
    tokens = _tokens(text)
    for mention in _tag(tokens, random_pack, compat=compat).mentions:
        assert 0 <= mention.start <= mention.end < len(tokens)


def test_no_tokens_have_no_tags(random_pack: Pack) -> None:
    assert not _tag([], random_pack).mentions


def test_a_sentence_longer_than_any_window_is_cut_and_tagged(random_pack: Pack) -> None:
    tokens = _tokens("over and over " * 900)
    ends = {span.end for span in _tag(tokens, random_pack).supersenses}
    assert max(ends) > 2_000


def test_progress_rises_to_one_and_cancelling_stops_the_work(random_pack: Pack) -> None:
    tokens = _tokens("It was a dark and stormy night . " * 2_400)
    shares: list[float] = []
    tagging.tag(tokens, random_pack, tasks=tagging.TASKS, compat=False, advance=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert len(shares) > 1
    heard: list[float] = []

    def stop(share: float) -> None:
        heard.append(share)
        raise Cancelled

    with pytest.raises(Cancelled):
        tagging.tag(tokens, random_pack, tasks=tagging.TASKS, compat=False, advance=stop)
    assert len(heard) == 1


def test_the_pack_folder_may_be_moved_once_it_is_loaded(tmp_path: Path) -> None:
    pack = load_pack(tiny.make(tmp_path / "pack"), "cpu")
    (tmp_path / "pack").rename(tmp_path / "elsewhere")
    assert _tag(_tokens("He smiled ."), pack) is not None
