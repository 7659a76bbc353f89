import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch

from gpu_worker.engine import coreference
from gpu_worker.engine.antecedents import Narration
from gpu_worker.engine.document import Mention, Quote, ReferentialGender, Token
from gpu_worker.engine.pack import Pack, load_pack
from tests.unit.engine import tiny
from tests.unit.engine.conftest import mentions_of, tokens_of

CATEGORIES = [["he", "him", "his"], ["she", "her"], ["they", "them", "their"]]


@pytest.fixture(scope="module")
def mini() -> Pack:
    return load_pack(tiny.MINI, "cpu")


def _resolve(
    pack: Pack,
    tokens: list[Token],
    mentions: list[Mention],
    refs: Sequence[int],
    *,
    genders: Mapping[int, ReferentialGender] | None = None,
    quotes: Sequence[Quote] = (),
    speakers: Sequence[int | None] = (),
    pronominal_only: bool = True,
    compat: bool = False,
) -> list[int]:
    return coreference.resolve(
        tokens,
        mentions,
        refs,
        genders or {},
        speakers,
        quotes,
        pack,
        gender_cats=CATEGORIES,
        pronominal_only=pronominal_only,
        compat=compat,
        advance=lambda _: None,
    )


def _gender(category: str) -> ReferentialGender:
    return ReferentialGender({category: 1.0}, category, 1.0, 10.0)


def test_a_pronoun_joins_the_name_before_it(mini: Pack) -> None:
    tokens = tokens_of("Elizabeth came home . She was tired and she slept .")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (4, 4, "PRON", "PER"), (8, 8, "PRON", "PER"))
    assert _resolve(mini, tokens, mentions, [1, -1, -1]) == [1, 1, 1]


def test_a_pronoun_does_not_join_a_character_of_other_pronouns(mini: Pack) -> None:
    tokens = tokens_of("Elizabeth came home . She was tired .")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (4, 4, "PRON", "PER"))
    assert _resolve(mini, tokens, mentions, [1, -1], genders={1: _gender("he/him/his")}) == [1, 2]
    assert _resolve(mini, tokens, mentions, [1, -1], genders={1: _gender("she/her")}) == [1, 1]


def test_i_in_a_quote_is_who_speaks_it(mini: Pack) -> None:
    tokens = tokens_of("“ I know , ” said Jane to Mary .")
    mentions = mentions_of(tokens, (1, 1, "PRON", "PER"), (6, 6, "PROP", "PER"), (8, 8, "PROP", "PER"))
    quoted = _resolve(mini, tokens, mentions, [7, 8, 9], quotes=[Quote(0, 4)], speakers=[2])
    assert quoted == [7, 8, 9], "what names resolved stays"
    mentions = mentions_of(tokens, (0, 0, "NOM", "PER"), *((m.start, m.end, m.prop, m.category) for m in mentions))
    assert _resolve(mini, tokens, mentions, [1, -1, 8, 9], quotes=[Quote(0, 4)], speakers=[3])[1] == 9


def test_open_nominals_stand_alone_unless_all_mentions_are_resolved(mini: Pack) -> None:
    tokens = tokens_of("Elizabeth is a lady . The lady was tired .")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (2, 3, "NOM", "PER"), (5, 6, "NOM", "PER"))
    assert _resolve(mini, tokens, mentions, [1, -1, -1]) == [1, 2, 3]
    assert len(set(_resolve(mini, tokens, mentions, [1, -1, -1], pronominal_only=False))) < 3


def test_a_book_without_names_keeps_the_narrators_number_free_except_in_compat(mini: Pack) -> None:
    tokens = tokens_of("It rained .")
    mentions = mentions_of(tokens, (0, 0, "PRON", "PER"))
    assert _resolve(mini, tokens, mentions, [-1]) == [1]
    assert _resolve(mini, tokens, mentions, [-1], compat=True) == [0]


def test_no_mentions_have_no_clusters(mini: Pack) -> None:
    assert _resolve(mini, tokens_of("It rained ."), [], []) == []


def test_candidates_are_those_before_outside_of_quotes_and_for_quoted_mentions_some_ahead() -> None:
    in_quote = np.zeros(40, bool)
    in_quote[[3, 5, 12]] = True
    found = coreference.candidates(np.array([4, 5, 30]), in_quote, compat=True)
    assert found.counts.tolist() == [3, 14, 19]
    assert found.antecedents[:3].tolist() == [0, 1, 2]
    assert found.distances[:3].tolist() == [12, 11, 10]
    assert found.antecedents[3:17].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14, 15]
    assert found.distances[3:17].tolist() == [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert 12 not in found.antecedents[17:]


def test_a_quoted_mention_has_at_most_the_twenty_lastcandidates() -> None:
    in_quote = np.zeros(60, bool)
    in_quote[30] = True
    found = coreference.candidates(np.array([30]), in_quote, compat=False)
    assert found.antecedents.tolist() == [*range(20, 30), *range(31, 41)]


def test_after_a_long_speech_a_mention_looks_further_back_but_in_compat() -> None:
    in_quote = np.ones(500, bool)
    in_quote[[*range(7), 100, 290, 499]] = False
    asked = np.array([100, 290, 499])
    found = coreference.candidates(asked, in_quote, compat=False)
    assert found.counts.tolist() == [5, 1, 0], "five of those among the two hundred before"
    assert found.antecedents.tolist() == [2, 3, 4, 5, 6, 100]
    assert found.distances.tolist() == [14, 13, 12, 11, 10, 10], "as the nearest always have"
    assert not coreference.candidates(asked, in_quote, compat=True).counts.any()


def test_who_has_spoken_at_length_is_still_meant_by_said_she_but_in_compat(mini: Pack) -> None:
    speech = "I know that I am right and I shall say so . "
    tokens = tokens_of(f'Emma sat down . " {speech * 8} " said she .')
    words = [token.word for token in tokens]
    said = [(place, place, "PRON", "PER") for place, word in enumerate(words) if word in {"I", "she"}]
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), *said)
    quotes = [Quote(words.index('"'), len(words) - 4)]
    refs = [1] + [-1] * len(said)
    assert _resolve(mini, tokens, mentions, refs, quotes=quotes, speakers=[len(said)])[-1] == 1
    assert _resolve(mini, tokens, mentions, refs, quotes=quotes, speakers=[len(said)], compat=True)[-1] != 1


def _narrate(pack: Pack, tokens: list[Token], mentions: list[Mention], refs: Sequence[int]) -> Narration:
    return coreference.narrate(tokens, mentions, refs, {}, [], pack, gender_cats=CATEGORIES, advance=lambda _: None)


def test_narration_tells_whom_its_pronouns_may_mean(mini: Pack) -> None:
    tokens = tokens_of("Elizabeth came to Jane . She was tired .")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (3, 3, "PROP", "PER"), (5, 5, "PRON", "PER"))
    narration = _narrate(mini, tokens, mentions, [1, 2, -1])
    first, second, pronoun = narration.persons()
    assert (first, second) == ({1: 1.0}, {2: 1.0})
    assert sum(pronoun.values()) == pytest.approx(1.0, abs=0.03)
    assert narration.clusters == [1, 2, max(pronoun, key=pronoun.__getitem__)]


def test_who_is_told_whom_a_pronoun_means_takes_those_along_that_follow_it(mini: Pack) -> None:
    tokens = tokens_of("Elizabeth came to Jane . She was tired . She slept .")
    people = (0, 0, "PROP", "PER"), (3, 3, "PROP", "PER"), (5, 5, "PRON", "PER"), (9, 9, "PRON", "PER")
    narration = _narrate(mini, tokens, mentions_of(tokens, *people), [1, 2, -1, -1])
    usual = narration.clusters[2]
    other = 3 - usual
    shares = [*narration.shares]
    shares[2] = {usual: 0.6, other: 0.4}
    assert narration.settled([]) == [1, 2, usual, usual]
    assert dataclasses.replace(narration, shares=shares).settled([(2, other)])[:3] == [1, 2, other]


def test_what_began_a_cluster_keeps_its_number_when_narration_is_settled(mini: Pack) -> None:
    tokens = tokens_of("A man and a boy came to Jane . It rained .")
    mentions = mentions_of(tokens, (0, 1, "NOM", "PER"), (3, 4, "NOM", "PER"), (7, 7, "PROP", "PER"))
    narration = _narrate(mini, tokens, mentions, [-1, -1, 1])
    assert narration.settled([]) == list(narration.clusters) == [2, 3, 1]


def test_what_the_tagger_read_serves_coreference(mini: Pack) -> None:
    tokens = tokens_of("Elizabeth came home to her father . She was tired .")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (4, 4, "PRON", "PER"), (4, 5, "NOM", "PER"))
    fed, unfed = mini.shared_reader(tokens, compat=False), mini.shared_reader(tokens, compat=False)
    assert fed is not None
    assert unfed is not None
    ids, lengths = fed._ids(np.array([0]))
    with torch.inference_mode():
        states = mini.tagger.encoder.states(torch.from_numpy(ids), lengths)[0]
        fed.offer(mentions, fed._windows, lengths, states)
        read: list[float] = []
        vectors = fed.read(mentions, read.append).states
        expected = unfed.read(mentions, lambda _: None).states
    assert not read, "nothing was left to read"
    torch.testing.assert_close(vectors, expected, rtol=1e-4, atol=1e-5)


def test_two_mentions_of_one_span_are_both_what_the_tagger_read(mini: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = tokens_of("Elizabeth came home to her father . She was tired .")
    mentions = mentions_of(tokens, (0, 0, "PROP", "PER"), (4, 4, "NOM", "PER"), (4, 4, "PRON", "PER"))
    fed = mini.shared_reader(tokens, compat=False)
    assert fed is not None
    ids, lengths = fed._ids(np.array([0]))
    with torch.inference_mode():
        states = mini.tagger.encoder.states(torch.from_numpy(ids), lengths)[0]
        fed.offer(mentions, fed._windows, lengths, states)
        monkeypatch.setattr(torch, "empty", lambda *sizes, device: torch.full(sizes, torch.nan, device=device))
        vectors = fed.read(mentions, lambda _: None).states
    assert torch.equal(vectors[1], vectors[2])
    assert vectors.isfinite().all()
