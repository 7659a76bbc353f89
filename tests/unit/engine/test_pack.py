import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import Model
from gpu_worker.engine.pack import Precision, describe_file, load_pack, read_manifest, read_weights
from tests.unit.engine import tiny


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def pack(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "pack"))


def _edit(pack: Path, change: Callable[[dict], None]) -> None:
    manifest = json.loads((pack / "manifest.json").read_text())
    change(manifest)
    (pack / "manifest.json").write_text(json.dumps(manifest))


def _rewrite_weights(pack: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    weights = load_file(pack / "model.safetensors")
    change(weights)
    save_file(weights, pack / "model.safetensors")
    entry = describe_file(pack / "model.safetensors").model_dump()
    _edit(pack, lambda manifest: manifest["files"].update({"model.safetensors": entry}))


def test_the_bundled_pack_loads_in_two_seconds() -> None:
    started = time.process_time()
    pack = load_pack(tiny.MINI, "cpu")
    assert time.process_time() - started < 2 * torch.get_num_threads()
    assert (pack.name, pack.precision) == ("mini", Precision.F32)


def test_the_bundled_packs_tagger_and_coreference_read_a_book_once_between_them(sound: Path) -> None:
    assert load_pack(tiny.MINI, "cpu").shared_reader([], compat=False) is not None
    assert load_pack(sound, "cpu").shared_reader([], compat=False) is None


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
    "a byte less": (_truncate, "damaged: model.safetensors"),
    "one bit other": (_flip, "damaged: model.safetensors"),
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
    entry = describe_file(pack / "model.safetensors").model_dump()
    _edit(pack, lambda manifest: manifest["files"].update({"model.safetensors": entry}))
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
