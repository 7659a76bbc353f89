import numpy as np
import pytest
import torch

from gpu_worker.engine.antecedents import Document
from gpu_worker.engine.layout import Model
from gpu_worker.engine.mention_vectors import MentionReader
from tests.unit.training import tiny
from training import coref_loss, evaluation, objective, tagger_loss
from training.evaluation import headline
from training.examples import BrownStep, Examples, NovelStep, QuoteStep
from training.recipe import Recipe
from training.tagger_loss import Stretch

RECIPE = Recipe(without_cues=0.0, dropout=0.0, long_share=0.0)


@pytest.fixture(scope="module")
def examples() -> Examples:
    return tiny.examples(tiny.builder(), RECIPE)


def test_what_training_learns_the_engine_finds() -> None:
    """The labels, windows, merges and marks of training are the engine's: else it would not find what was learnt."""
    builder = tiny.builder()
    examples = tiny.examples(builder, RECIPE)
    weights = {name: tensor.requires_grad_() for name, tensor in builder.foundation.fresh(1).items()}
    optimizer = torch.optim.AdamW(weights.values())
    torch.manual_seed(0)
    for number, step in zip(range(200), examples.steps(), strict=False):
        optimizer.param_groups[0]["lr"] = 0.015 * (1 - number / 200)
        networks = builder.in_training(weights, dropout=0.0)
        losses = objective.losses(networks, step, RECIPE, np.random.default_rng(0))
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]  # in torch
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
    scores = headline(evaluation.evaluate(builder.pack(weights), tiny.split()))
    assert {task: score for task, score in scores.items() if score < 80} == {}


def test_mentions_are_read_as_the_engine_reads_them() -> None:
    builder, novel = tiny.builder(), tiny.novel()
    coref = builder.pack(builder.foundation.fresh(1)).coref
    wanted = MentionReader(novel.tokens, coref, compat=False).read(novel.mentions, lambda _: None)
    pieces = coref.tokenizer.split_all([token.word for token in novel.tokens])
    stretch = Stretch.of(
        np.array([0]),
        np.array([len(novel.tokens)]),
        pieces,
        first=coref.tokenizer.id_of("[CLS]"),
        last=coref.tokenizer.id_of("[SEP]"),
    )
    tagger = builder.pack(builder.foundation.fresh(1)).tagger
    words = tagger_loss.read(tagger, stretch)[:-1, 0, : tiny.SHAPE.hidden]
    document = Document.of(novel.tokens, novel.mentions, [None] * len(novel.quotes), novel.quotes)
    states = coref_loss.mention_states(coref, words, document)
    torch.testing.assert_close(states, wanted.states, rtol=1e-4, atol=1e-4)


def test_layers_of_nesting_begin_with_the_innermost() -> None:
    novel, names = tiny.novel(), tiny.foundation().tag_sets.entity
    layers = tagger_loss.nested_tags(novel.mentions, len(novel.tokens), names)
    tags = [[names[tag] for tag in layer[6:11]] for layer in layers]
    assert tags == [
        ["O", "O", "O", "B-PRON_PER", "O"],
        ["O", "O", "O", "B-NOM_PER", "I-NOM_PER"],
        ["B-NOM_FAC", "I-NOM_FAC", "I-NOM_FAC", "I-NOM_FAC", "I-NOM_FAC"],
    ]


def test_the_order_of_steps_is_the_seeds(examples: Examples) -> None:
    def order(recipe: Recipe) -> list[str]:
        steps = tiny.examples(tiny.builder(), recipe).steps()
        return [type(step).__name__ for _, step in zip(range(30), steps, strict=False)]

    assert order(Recipe(seed=1)) == order(Recipe(seed=1))
    assert order(Recipe(seed=1)) != order(Recipe(seed=2))
    assert set(order(Recipe(seed=1))) == {kind.__name__ for kind in (NovelStep, BrownStep, QuoteStep)}


def test_a_quote_is_asked_about_only_where_its_speaker_can_be_told(examples: Examples) -> None:
    steps = (step for step in examples.steps() if isinstance(step, QuoteStep))
    questions = next(steps).questions
    assert len(questions) == len(tiny.novel().quotes)
    assert all(question.right.any() for question in questions)


def test_only_what_no_network_reads_gets_no_gradient(examples: Examples) -> None:
    builder = tiny.builder()
    weights = {name: tensor.requires_grad_() for name, tensor in builder.foundation.fresh(1).items()}
    kinds = set()
    for step in examples.steps():
        networks = builder.in_training(weights, dropout=0.1)
        losses = objective.losses(networks, step, RECIPE, np.random.default_rng(0))
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]  # in torch
        kinds.add(type(step))
        if len(kinds) == 3:
            break
    unread = {name for name, tensor in weights.items() if tensor.grad is None}
    assert unread == {f"{Model.COREF}.gender_embeddings.weight"}


def test_the_encoder_reads_alike_with_and_without_gradients() -> None:
    builder = tiny.builder()
    weights = builder.foundation.fresh(1)
    tokenizer = builder.tokenizers[Model.TAGGER]
    ids = torch.tensor([tokenizer.id_of("[CLS]"), *range(5, 12), tokenizer.id_of("[SEP]"), *range(12, 15)])
    lengths = np.array([9, 3])
    still = builder.pack(weights).tagger.encoder.states(ids, lengths, last=2)
    live = {name: tensor.requires_grad_() for name, tensor in weights.items()}
    moving = builder.in_training(live, dropout=0.0).tagger.encoder.states(ids, lengths, last=2)
    for one, other in zip(still, moving, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)
