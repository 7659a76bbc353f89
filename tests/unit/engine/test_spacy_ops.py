from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language

from gpu_worker.engine import linear, syntax
from gpu_worker.engine.spacy_ops import OneDnnOps
from gpu_worker.engine.tokens import read

TEXT = Path("tests/parity/texts/third_person.txt")


@pytest.mark.skipif(not linear.AVAILABLE, reason="this torch has no oneDNN")
def test_spacys_layers_multiply_through_onednn(nlp: Language) -> None:
    for name in ("tok2vec", "parser"):
        layers = nlp.get_pipe(name).model.walk()  # type: ignore[attr-defined]  # any pipe, to spaCy
        assert all(isinstance(layer.ops, OneDnnOps) for layer in layers)


def test_a_text_is_parsed_as_by_spacy_itself(nlp: Language) -> None:
    plain = spacy.load(syntax.model_folder(), disable=["ner"])
    text = TEXT.read_text(encoding="utf-8")
    ours, theirs = (syntax.parse_passage(pipeline, text, 0) for pipeline in (nlp, plain))
    assert ours.says_the_same_as(theirs)


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_a_product_is_numpys_whatever_is_transposed_and_wherever_it_goes(rows: int) -> None:
    ops = OneDnnOps()
    numbers = np.random.default_rng(3)
    x, y = numbers.normal(size=(rows, 6)).astype("f"), numbers.normal(size=(4, 6)).astype("f")
    out = np.zeros((rows, 4), "f")
    assert ops.gemm(x, y, trans2=True, out=out) is out
    expected = x @ y.T
    for product in (out, ops.gemm(x, y, trans2=True), ops.gemm(x, np.ascontiguousarray(y.T))):
        np.testing.assert_allclose(product, expected, rtol=1e-5, atol=1e-6)


def test_a_text_is_read_on_one_core_and_torch_has_its_cores_again(nlp: Language) -> None:
    seen: list[int] = []

    def stop_at_once(_: float) -> None:
        seen.append(torch.get_num_threads())
        raise InterruptedError

    cores = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(InterruptedError):
            read(nlp, "A word.", compat=False, advance=stop_at_once)
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(cores)
