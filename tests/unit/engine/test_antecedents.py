import dataclasses
import math
from collections.abc import Mapping, Sequence

import pytest

from gpu_worker.engine.antecedents import OPEN, Choice, Decisions, Document, Narration, alone, conflicts, lowest
from gpu_worker.engine.document import ReferentialGender
from gpu_worker.engine.kinship import Kinship
from tests.unit.engine.conftest import mentions_of, tokens_of

EMMA, GEORGE = 1, 2
#: Emma and George are named; "she" may be Emma, or somebody new.
TEXT = "Emma George she boy girl"
KINDS = ("PROP", "PROP", "PRON", "NOM", "NOM")
REFS = (EMMA, GEORGE, OPEN, OPEN, OPEN)
SHE = 2


def decisions(
    scores: Mapping[int, Mapping[int, float]],
    *,
    refs: Sequence[int] = REFS,
    genders: Mapping[int, ReferentialGender] | None = None,
) -> Decisions:
    """Return the decisions about the text above, where mentions have `scores` for candidates."""
    tokens = tokens_of(TEXT)
    mentions = mentions_of(tokens, *((place, place, kind, "PER") for place, kind in enumerate(KINDS)))
    choices = {index: Choice(list(own), list(own.values()), list(own.values())) for index, own in scores.items()}
    return Decisions(
        Document.of(tokens, mentions, [], []),
        refs,
        choices,
        conflicts([["he", "him", "his"], ["she", "her"]]),
        genders or {},
        None,
    )


def test_a_share_is_what_the_scores_say_and_zero_is_the_score_of_somebody_new() -> None:
    sure = decisions({SHE: {0: 2.0, 1: 1.0}})
    assert sure.shares(SHE, sure.narrated()) == pytest.approx({EMMA: 1 / (1 + math.exp(-1)), GEORGE: 1 / (1 + math.e)})
    unsure = decisions({SHE: {0: -1.0}})
    new = unsure.narrated()[SHE]
    assert new == lowest(REFS)
    assert unsure.shares(SHE, unsure.narrated()) == pytest.approx({new: 1 / (1 + math.exp(-1)), EMMA: 1 / (1 + math.e)})


def test_whom_hardly_anything_speaks_for_has_no_share() -> None:
    sure = decisions({SHE: {0: 9.0, 1: 1.0}})
    assert sure.shares(SHE, sure.narrated()) == {EMMA: pytest.approx(1.0, abs=1e-3)}


def test_a_pronoun_has_no_share_in_those_whom_it_can_not_mean() -> None:
    genders = {GEORGE: ReferentialGender({"he/him/his": 1.0}, "he/him/his", 1.0, 9.0)}
    found = decisions({SHE: {0: 1.0, 1: 2.0}}, genders=genders)
    assert found.shares(SHE, found.narrated()) == {EMMA: 1.0}


def test_whom_a_pronoun_is_told_to_mean_it_joins() -> None:
    narration = Narration.of(decisions({SHE: {0: 2.0, 1: 1.0}}))
    assert narration.clusters[SHE] == EMMA
    assert narration.settled([(SHE, GEORGE)])[SHE] == GEORGE
    assert narration.settled([(SHE, 77)])[SHE] == EMMA, "nobody of that number is among those it may mean"
    assert narration.settled([(0, GEORGE)])[0] == EMMA, "names stay"


def test_people_without_a_name_keep_their_numbers_when_one_of_them_turns_out_to_be_somebody_known() -> None:
    narration = Narration.of(decisions({SHE: {0: -1.0}}))
    she, boy, girl = narration.clusters[SHE:]
    assert (she, boy, girl) == (3, 4, 5)
    assert narration.settled([(SHE, EMMA)]) == [EMMA, GEORGE, EMMA, boy, girl]


def test_a_mention_stays_with_its_noun_where_another_that_reads_alike_is_the_same_person() -> None:
    narration = Narration.of(decisions({SHE: {0: -1.0}}))
    _, boy, girl = narration.clusters[SHE:]
    shares = [*narration.shares[:SHE], {boy: 0.6, girl: 0.4}, *narration.shares[SHE + 1 :]]
    clusters = [*narration.clusters[:SHE], girl, boy, girl]
    person_of = {**narration.person_of, girl: boy}
    alike = dataclasses.replace(narration, shares=shares, clusters=clusters, person_of=person_of)
    assert alike.persons()[SHE] == {boy: pytest.approx(1.0)}
    assert alike.settled([(SHE, boy)])[SHE] != boy


def test_who_has_no_cluster_is_alone() -> None:
    assert alone([3, OPEN, 1, OPEN]) == [3, 5, 1, 7]
    assert alone([]) == []


def test_a_relative_whom_names_tell_is_no_other_whose_noun_reads_alike() -> None:
    tokens = tokens_of("Emma Woodhouse Mr. Woodhouse Mr. Woodhouse Mr. Woodhouse her father his father Her father")
    spans = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 8), (8, 9), (10, 10), (10, 11), (12, 12), (12, 13)]
    kinds = ["PROP"] * 4 + ["PRON", "NOM"] * 3
    mentions = mentions_of(tokens, *((*span, kind, "PER") for span, kind in zip(spans, kinds, strict=True)))
    nobody = 9
    refs = [EMMA, GEORGE, GEORGE, GEORGE, EMMA, OPEN, nobody, OPEN, nobody, OPEN]
    kinship = Kinship.of(mentions, tokens, refs)
    found = Decisions(Document.of(tokens, mentions, [], []), refs, {}, {}, {}, kinship)
    narration = Narration.of(found)
    assert narration.clusters[5] == GEORGE
    assert narration.person_of[narration.clusters[9]] not in {GEORGE, EMMA}
    assert narration.person_of[GEORGE] == GEORGE
