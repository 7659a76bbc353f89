"""Name clustering, gender and characters against upstream's own code, on documents that no tagger would make."""

import contextlib
import copy
import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_worker.engine import characters, data, gender, names
from gpu_worker.engine.document import Mention, ReferentialGender, Token
from gpu_worker.engine.options import CATEGORIES

WORDS = (
    "Tom", "tom", "Sawyer", "Becky", "Thatcher", "Em", "Emma", "Smith", "Al", "Kate", "Kitty", "Jane", "Lizzy",
    "Elizabeth", "Bennet", "Catherine", "de", "Darcy", "Jones", "Mr.", "Mr", "Mrs.", "Miss", "Lady", "Uncle",
    "Doctor", "London", "of", "the", "he", "him", "she", "her", "they", "their", "xe", "I", "me", "it",
)  # fmt: skip
PRONOUNS = frozenset({"he", "him", "she", "her", "they", "their", "xe", "I", "me", "it"})


@dataclass(frozen=True)
class Upstream:
    """The parts of upstream's code that take plain data."""

    names: Any
    gender: Any
    pipeline: Any
    token: Any
    #: A table of priors short enough to be read for every example.
    priors: Path


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
        from booknlp.common.pipelines import Token as UpstreamToken
        from booknlp.english import name_coref
        from booknlp.english.english_booknlp import EnglishBookNLP
        from booknlp.english.gender_inference_model_1 import GenderEM
    patch = pytest.MonkeyPatch()
    # The order of a set decides whether upstream takes two orders of the same words for the same name.
    patch.setattr(name_coref, "set", SortedSet, raising=False)
    wanted = {word.lower() for word in WORDS}
    header, *lines = data.gender_priors()
    kept = [line for line in lines if wanted.issuperset(line.split("\t")[0].split(" "))]
    priors = tmp_path_factory.mktemp("priors") / "priors.txt"
    priors.write_text(header + "".join(kept), encoding="utf-8")
    patch.setattr(data, "gender_priors", lambda: iter([header, *kept]))
    yield Upstream(
        name_coref.NameCoref(str(data.folder() / "aliases.txt")), GenderEM, EnglishBookNLP, UpstreamToken, priors
    )
    patch.undo()


class SortedSet(frozenset[str]):
    """A set whose order is that of its words."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))


@dataclass(frozen=True)
class Document:
    tokens: list[Token]
    in_quote: bytes
    mentions: list[Mention]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=2, max_size=60))
    last = len(words) - 1
    place = st.integers(0, last)
    dependencies = st.sampled_from(
        ["nsubj", "dobj", "conj", "poss", "pobj", "agent", "nsubjpass", "attr", "acomp", "ROOT"]
    )
    parts = st.sampled_from(["NOUN", "PROPN", "VERB", "ADJ"])
    lemmas = st.sampled_from(["be", "go"])
    tokens = [
        Token(
            0, 0, index, index, word, draw(lemmas), index, index + 1, draw(parts), "X", draw(dependencies), draw(place)
        )
        for index, word in enumerate(words)
    ]
    spans = draw(st.sets(st.tuples(place, st.integers(0, 11)), min_size=1, max_size=60))
    kinds = st.sampled_from([("PROP", "PER")] * 4 + [("PROP", "GPE"), ("PROP", "LOC"), ("NOM", "PER")])
    mentions = []
    for start, length in spans:
        end = min(start + length, last)
        prop, category = ("PRON", "PER") if start == end and words[start] in PRONOUNS else draw(kinds)
        mentions.append(Mention(start, end, prop, category, " ".join(words[start : end + 1])))
    in_quote = bytes(draw(st.lists(st.integers(0, 1), min_size=len(words), max_size=len(words))))
    return Document(tokens, in_quote, sorted(set(mentions)))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(document=documents(), random=st.randoms(use_true_random=False))
def test_names_gender_and_characters_are_upstreams(upstream: Upstream, document: Document, random: Any) -> None:
    tokens, mentions = document.tokens, document.mentions
    theirs = [
        upstream.token(0, 0, t.id, t.id, t.word, t.pos, "X", t.lemma, t.dependency, t.head, None, t.id) for t in tokens
    ]
    entities = [(mention.start, mention.end, mention.label, mention.text) for mention in mentions]
    in_quotes = [int(document.in_quote[m.start] or document.in_quote[m.end]) for m in mentions]

    expected = upstream.names.cluster_narrator(entities, in_quotes, theirs)
    expected = upstream.names.cluster_identical_propers(entities, expected)
    expected = upstream.names.cluster_only_nouns(entities, expected, theirs)
    refs = names.cluster(tokens, mentions, document.in_quote, compat=True)
    assert refs == expected

    with contextlib.redirect_stdout(io.StringIO()):
        inference = upstream.gender(
            tokens=theirs, entities=entities, refs=refs, genders=CATEGORIES, hyperparameterFile=upstream.priors
        )
    expected_genders = inference.tag(entities, theirs, refs)
    genders = gender.infer(tokens, mentions, refs, CATEGORIES)
    assert as_upstream(genders) == expected_genders

    clusters = [random.randrange(0, 9) if ref == names.UNRESOLVED else ref for ref in refs]
    merged = names.merge_nominals(mentions, clusters, compat=True)
    assert merged == upstream.names.cluster_noms(entities, list(clusters))

    expected_genders = inference.update_gender_from_coref(copy.deepcopy(expected_genders), entities, merged)
    expected_characters = upstream.pipeline.get_syntax(None, theirs, entities, merged, expected_genders)["characters"]
    genders = gender.complete(genders, mentions, merged, CATEGORIES)
    assert json.dumps(characters.describe(tokens, mentions, merged, genders)) == json.dumps(expected_characters)


def as_upstream(genders: dict[int, ReferentialGender]) -> dict[int, dict[str, object]]:
    return {
        ref: {"inference": dict(found.inference), "argmax": found.argmax, "max": found.max, "total": found.total}
        for ref, found in genders.items()
    }
