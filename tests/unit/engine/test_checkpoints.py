import gzip
import json
from collections.abc import Callable

import pytest

from gpu_worker.engine import checkpoints
from gpu_worker.engine.checkpoints import NamesFound
from gpu_worker.engine.document import Mention, Quote, ReferentialGender, Supersense, Tagging
from tests.unit.engine.conftest import tokens_of

GENDER = ReferentialGender({"he/him/his": 0.25, "she/her": 1 / 3}, "she/her", 1 / 3, 3)
OUTPUTS = [
    (checkpoints.TOKENS, tokens_of("Ann went", "“ é ”")),
    (
        checkpoints.TAGGING,
        Tagging([Mention(0, 0, "PROP", "PER", "Ann")], [Supersense(1, 1, "verb.motion", "went")], frozenset({1})),
    ),
    (checkpoints.QUOTES, [Quote(2, 4)]),
    (checkpoints.SPEAKERS, checkpoints.SpeakersFound([0, None], [3, -1])),
    (checkpoints.NAMES, NamesFound([1, -1], {1: GENDER})),
    (checkpoints.COREFERENCE, [1, 2]),
    (checkpoints.CHARACTERS, [{"id": 1, "g": None}]),
]


@pytest.mark.parametrize(("codec", "output"), OUTPUTS, ids=lambda value: str(getattr(value, "stage", "")))
def test_a_stages_output_comes_back_as_it_was(codec: checkpoints.Codec[object], output: object) -> None:
    assert codec.load(codec.dump(output, "key"), "key") == output
    assert codec.dump(output, "key") == codec.dump(output, "key")


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda state: state[:20],
        lambda _: gzip.compress(b"[]"),
        lambda _: gzip.compress(b'{"version": 1}'),
        lambda state: gzip.compress(json.dumps(json.loads(gzip.decompress(state)) | {"version": 0}).encode()),
    ],
    ids=["nothing", "half", "another shape", "no output", "another version"],
)
def test_damaged_bytes_are_no_checkpoint(damage: Callable[[bytes], bytes]) -> None:
    state = checkpoints.QUOTES.dump([Quote(2, 4)], "key")
    assert checkpoints.QUOTES.load(damage(state), "key") is None


def test_a_checkpoint_of_another_text_or_stage_is_none() -> None:
    state = checkpoints.COREFERENCE.dump([1], "key")
    assert checkpoints.COREFERENCE.load(state, "another key") is None
    assert checkpoints.SPEAKERS.load(state, "key") is None
