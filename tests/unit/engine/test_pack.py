import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import describe_file, read_manifest
from gpu_worker.engine.pack import Precision, load_pack, read_weights
from tests.unit.engine import tiny


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def pack(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "pack"))


def _edit(pack: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((pack / "manifest.json").read_text())
    change(manifest)
    (pack / "manifest.json").write_text(json.dumps(manifest))


def _rewrite_weights(pack: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(pack / "model.safetensors")
    change(weights)
    save_file(weights, pack / "model.safetensors")
    _list_anew(pack, "model.safetensors")


def _rewrite_vocabulary(pack: Path, change: Callable[[bytes], bytes]) -> None:
    (pack / "vocab.txt").write_bytes(change((pack / "vocab.txt").read_bytes()))
    _list_anew(pack, "vocab.txt")


def _list_anew(pack: Path, file: str) -> None:
    """Give the manifest the file's SHA-256, as whoever meddles with it would."""
    entry = describe_file(pack / file).model_dump()
    _edit(pack, lambda manifest: manifest["files"].update({file: entry}))


def test_the_bundled_pack_loads_in_two_seconds() -> None:
    started = time.process_time()
    pack = load_pack(tiny.MINI, "cpu")
    assert time.process_time() - started < 2 * torch.get_num_threads()
    assert (pack.name, pack.precision) == ("mini", Precision.F32)


def test_recurrent_layers_are_not_rounded_to_tf32_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    recurrent = torch.backends.cudnn.rnn
    monkeypatch.setattr(recurrent, "fp32_precision", "tf32")
    load_pack(tiny.MINI, "cpu")
    assert recurrent.fp32_precision == "ieee"  # type: ignore[attr-defined]  # set as it is imported


def test_the_bundled_packs_tagger_and_coreference_read_a_book_once_between_them(sound: Path) -> None:
    assert load_pack(tiny.MINI, "cpu").shared_reader([], compat=False) is not None
    assert load_pack(sound, "cpu").shared_reader([], compat=False) is None


def test_bf16_reads_who_speaks_and_leaves_what_numbers_clusters_to_f32() -> None:
    exact, mixed = (load_pack(tiny.MINI, "cpu", precision) for precision in (Precision.F32, Precision.BF16))
    assert exact.tagger.encoder is exact.speaker.encoder is exact.coref.encoder
    assert mixed.tagger.encoder is mixed.coref.encoder
    assert (mixed.tagger.encoder.dtype, mixed.speaker.encoder.dtype) == (torch.float32, torch.bfloat16)


@pytest.mark.parametrize(("native", "precision"), [(True, Precision.BF16), (False, Precision.F32)])
def test_left_to_itself_a_pack_computes_in_bf16_where_the_device_multiplies_it(
    sound: Path, monkeypatch: pytest.MonkeyPatch, native: bool, precision: Precision
) -> None:
    monkeypatch.setattr("gpu_worker.engine.pack.multiplies_bf16", lambda _device: native)
    assert load_pack(sound, "cpu", Precision.AUTO).precision is precision


def _truncate(pack: Path) -> None:
    path = pack / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def _flip(pack: Path) -> None:
    path = pack / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "is not a model pack"),
    "no manifest": (lambda pack: (pack / "manifest.json").unlink(), "is not a model pack"),
    "no JSON": (lambda pack: (pack / "manifest.json").write_text("PK"), "does not describe a pack"),
    "another format": (lambda pack: _edit(pack, lambda m: m.update(format="other/9")), "format"),
    "a foreign field": (lambda pack: _edit(pack, lambda m: m.update(pickle="x")), "pickle"),
    "no vocabulary": (lambda pack: (pack / "vocab.txt").unlink(), "incomplete: vocab.txt"),
    "a byte less": (_truncate, r"damaged: model\.safetensors has [\d,]+ bytes, its manifest tells"),
    "one bit other": (_flip, r"damaged: model\.safetensors has SHA-256 [0-9a-f]{64}, its manifest"),
    "a file not listed": (lambda pack: _edit(pack, lambda m: m["files"].pop("vocab.txt")), "incomplete"),
    "a file elsewhere": (
        lambda pack: _edit(pack, lambda m: m["files"].update({"../x": m["files"]["vocab.txt"]})),
        "not a file of the pack's own folder",
    ),
    "an unknown encoder": (lambda pack: _edit(pack, lambda m: m["models"].update(coref="none")), "incomplete"),
    "a tensor missing": (
        lambda pack: _rewrite_weights(pack, lambda weights: weights.pop("coref.unary1.bias")),
        "lacks the tensor coref.unary1.bias",
    ),
    "a tensor of another shape": (
        lambda pack: _rewrite_weights(pack, lambda weights: weights.update({"speaker.fc.bias": torch.zeros(3)})),
        "speaker.fc.bias is",
    ),
    "a tensor that no model has": (
        lambda pack: _rewrite_weights(pack, lambda weights: weights.update({"speaker.fc3.bias": torch.zeros(1)})),
        r"no model has: speaker\.fc3\.bias",
    ),
    "a number that is none": (
        lambda pack: _rewrite_weights(pack, lambda weights: weights["coref.unary1.bias"].fill_(float("nan"))),
        r"coref\.unary1\.bias holds what is not a finite number",
    ),
    "whole numbers without a scale": (
        lambda pack: _rewrite_weights(
            pack, lambda weights: weights.update({"speaker.fc.bias": torch.zeros(100, dtype=torch.int8)})
        ),
        r"speaker\.fc\.bias is torch\.int8 without a scale",
    ),
    "a scale for other rows": (
        lambda pack: _rewrite_weights(
            pack,
            lambda weights: weights.update(
                {"speaker.fc.weight": torch.zeros(100, 64, dtype=torch.int8), "speaker.fc.weight.scale": torch.ones(9)}
            ),
        ),
        r"the scale of speaker\.fc\.weight is \(9,\)",
    ),
    "a vocabulary of another model": (
        lambda pack: _rewrite_vocabulary(pack, lambda lines: lines.replace(b"[SEP]", b"</s>")),
        r"not a vocabulary of BERT: it lacks \[SEP\]",
    ),
    "a vocabulary with gaps": (
        lambda pack: _rewrite_vocabulary(pack, lambda lines: lines.replace(b"\n", b"\n\n", 1)),
        "empty or repeated lines",
    ),
    "a vocabulary that is no text": (
        lambda pack: _rewrite_vocabulary(pack, lambda lines: b"\xff" + lines),
        "cannot be read as a vocabulary",
    ),
    "heads that do not divide the width": (
        lambda pack: _edit(pack, lambda m: m["encoders"]["coref"].update(heads=3)),
        "encoders.coref: Value error, 3 heads cannot share",
    ),
    "more layers than the weights have": (
        lambda pack: _edit(pack, lambda m: m["encoders"]["coref"].update(layers=3)),
        r"lacks the tensor encoder\.coref\.encoder\.layer\.2",
    ),
    "a tag that continues nothing": (
        lambda pack: _edit(pack, lambda m: m["tag_sets"]["supersense"].remove("B-noun.act")),
        "supersense tags are not O and one B- and I-",
    ),
    "an entity tag of one part": (
        lambda pack: _edit(
            pack,
            lambda m: m["tag_sets"].update(entity=[tag.replace("PROP_PER", "PER") for tag in m["tag_sets"]["entity"]]),
        ),
        "the entity tag 'B-PER' does not name a kind and a category",
    ),
    "sizes that the weights do not have": (
        lambda pack: _edit(pack, lambda m: m["encoders"]["coref"].update(hidden=64)),
        "the models need",
    ),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_pack_that_is_not_whole_is_refused_with_the_reason(
    pack: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(pack)
    with pytest.raises(PackError, match=reason):
        load_pack(pack, "cpu")


def test_a_pickle_under_the_weights_name_is_not_opened(pack: Path) -> None:
    torch.save({"a": torch.zeros(1)}, pack / "model.safetensors")
    _list_anew(pack, "model.safetensors")
    with pytest.raises(PackError, match="cannot be read as safetensors"):
        load_pack(pack, "cpu")


def test_int8_rows_are_widened_by_their_scale(pack: Path) -> None:
    name = f"{Model.SPEAKER}.fc.weight"
    rows = torch.randint(-127, 128, (100, 64), dtype=torch.int8)
    scale = torch.rand(100).half()
    _rewrite_weights(pack, lambda weights: weights.update({name: rows, f"{name}.scale": scale}))
    assert torch.equal(read_weights(pack, read_manifest(pack))[name], rows.float() * scale.float()[:, None])


def test_the_digest_tells_packs_apart(sound: Path, tmp_path: Path) -> None:
    other = tiny.make(tmp_path / "other", seed=1)
    assert load_pack(sound, "cpu").digest != load_pack(other, "cpu").digest
