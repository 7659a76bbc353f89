"""SemCor out of NAF, the format in which it is kept: sense annotations become spans of lexicographer classes.

WordNet's lexical keys (`1:09:00::`) name the class by its number. Names were tagged as the top concepts `person`,
`group` and `location`, which stand in the class `noun.Tops`; they get the class that they mean. Several words in one
(`primary_election`) are taken apart. Adjectives and adverbs have no supersense here, as in BookNLP.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import spacy
from spacy.tokens import Doc

from gpu_worker.engine.syntax import model_folder

#: The texts with a sense for every content word; `brownv` has verbs only.
FILES = re.compile(r"semcor1\.6/brown[12]/br-[a-z]\d\d\.naf")

#: WordNet's lexicographer files, by number (lexnames(5WN)).
_NOUNS = (
    "Tops act animal artifact attribute body cognition communication event feeling food group location motive object "
    "person phenomenon plant possession process quantity relation shape state substance time"
)
_VERBS = (
    "body change cognition communication competition consumption contact creation emotion motion perception possession "
    "social stative weather"
)
_FIRST_NOUN = 3
_CLASSES = dict(
    enumerate([*(f"noun.{n}" for n in _NOUNS.split()), *(f"verb.{v}" for v in _VERBS.split())], _FIRST_NOUN)
)
_KEY = re.compile(r"\d:(\d\d):")
_NAMES = frozenset({"person", "group", "location"})

#: A word and its tag.
_Tagged = tuple[str, str]


def convert(files: Sequence[Path]) -> Iterator[str]:
    """Yield a line for each sentence: the text's name, then `word UPOS tag`, parted by tabs."""
    nlp = spacy.load(model_folder(), disable=["ner", "parser", "lemmatizer"])
    for path in files:
        sentences = read(path.read_bytes())
        docs = nlp.pipe(Doc(nlp.vocab, words=[word for word, _ in sentence]) for sentence in sentences)
        for sentence, doc in zip(sentences, docs, strict=True):
            words = (f"{word} {token.pos_} {tag}" for (word, tag), token in zip(sentence, doc, strict=True))
            yield "\t".join((path.stem, *words)) + "\n"


def read(content: bytes) -> list[list[_Tagged]]:
    """Return the sentences of one NAF file."""
    root = ET.fromstring(content)  # noqa: S314 - of a pinned commit
    class_of = dict(_classes(root))
    words = [
        (form.get("sent"), part, tag)
        for form in root.iter("wf")
        for part, tag in _parts(form.text or "", class_of.get(form.get("id", "")))
    ]
    return [
        [(word, tag) for _, word, tag in sentence] for _, sentence in itertools.groupby(words, key=lambda word: word[0])
    ]


def _classes(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield the class of each word form that has one, by the form's id."""
    for term in root.iter("term"):
        key = next(
            (ref.get("reference", "") for ref in term.iter("externalRef") if ref.get("reftype") == "lexical_key"), ""
        )
        found = _KEY.match(key)
        name = _CLASSES.get(int(found[1])) if found else None
        if name is None:
            continue
        lemma = term.get("lemma", "")
        if name == "noun.Tops" and lemma in _NAMES:
            name = f"noun.{lemma}"
        for target in term.iter("target"):
            yield target.get("id", ""), name


def _parts(form: str, name: str | None) -> Iterator[_Tagged]:
    text = form.strip().replace("``", '"').replace("''", '"')
    for place, part in enumerate(filter(None, text.split("_"))):
        yield part.replace(" ", ""), "O" if name is None else f"{'I' if place else 'B'}-{name}"
