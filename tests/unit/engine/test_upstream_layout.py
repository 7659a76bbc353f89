from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gpu_worker.engine import upstream_layout
from gpu_worker.engine.encoder import EncoderShape
from gpu_worker.engine.errors import PackError
from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import read_manifest
from gpu_worker.engine.pack import Pack, load_pack, read_weights
from tests.unit.engine import tiny


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return load_pack(tiny.make(tmp_path_factory.mktemp("pack")), "cpu")


@pytest.fixture
def exported(pack: Pack, tmp_path: Path) -> dict[Model, Path]:
    return upstream_layout.export(pack, tmp_path / "upstream")


def _convert(files: dict[Model, Path], pack: Pack, folder: Path) -> dict[str, torch.Tensor]:
    found = upstream_layout.read_checkpoints(files)
    models = {model: str(model) for model in files}
    manifest = pack.manifest.model_copy(update={"encoders": found.encoders, "models": models})
    upstream_layout.write_pack(folder, manifest, found.weights, tiny.MINI / "vocab.txt")
    return read_weights(folder, read_manifest(folder))


def test_weights_survive_the_way_to_upstream_and_back(pack: Pack, exported: dict[Model, Path], tmp_path: Path) -> None:
    before = read_weights(pack.folder, pack.manifest)
    after = _convert(exported, pack, tmp_path / "back")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert load_pack(tmp_path / "back", "cpu").manifest.encoder_of(Model.TAGGER).shape == tiny.SHAPES[Model.TAGGER]


def test_a_pack_can_be_read_by_whoever_may_read_its_vocabulary(
    pack: Pack, exported: dict[Model, Path], tmp_path: Path
) -> None:
    _convert(exported, pack, tmp_path / "back")
    assert len({path.stat().st_mode for path in (tmp_path / "back").iterdir()}) == 1


def test_position_ids_of_older_checkpoints_are_left_out(
    pack: Pack, exported: dict[Model, Path], tmp_path: Path
) -> None:
    path = exported[Model.COREF]
    state = torch.load(path, weights_only=True)
    torch.save(state | {"bert.embeddings.position_ids": torch.arange(512)[None]}, path)
    assert not any("position_ids" in name for name in _convert(exported, pack, tmp_path / "back"))


NO_CHECKPOINTS: dict[str, Callable[[Path], object]] = {
    "objects, which would run code": lambda path: torch.save({"weights": Path("anything")}, path),
    "a list": lambda path: torch.save([torch.zeros(1)], path),
    "a number among the tensors": lambda path: torch.save({"epoch": 3}, path),
    "half a file": lambda path: path.write_bytes(path.read_bytes()[:100_000]),
    "a page that says sorry": lambda path: path.write_text("<html>404</html>"),
    "nothing": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("spoil", NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS.keys())
def test_what_is_no_checkpoint_of_tensors_is_refused_unread(
    exported: dict[Model, Path], spoil: Callable[[Path], object]
) -> None:
    spoil(exported[Model.SPEAKER])
    with pytest.raises(PackError, match="tensors alone"):
        upstream_layout.read_checkpoints(exported)


class _Trap:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self._trace,)


def test_code_in_a_checkpoint_does_not_run(exported: dict[Model, Path], tmp_path: Path) -> None:
    torch.save({"weights": _Trap(tmp_path / "ran")}, exported[Model.SPEAKER])
    with pytest.raises(PackError, match="tensors alone"):
        upstream_layout.read_checkpoints(exported)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_another_model_is_refused(pack: Pack, exported: dict[Model, Path], tmp_path: Path) -> None:
    swapped = {**exported, Model.SPEAKER: exported[Model.COREF]}
    with pytest.raises(PackError, match="the models need"):
        _convert(swapped, pack, tmp_path / "back")


def test_sizes_are_read_from_upstreams_file_names() -> None:
    name = "entities_google_bert_uncased_L-6_H-768_A-12-v1.0.model"
    assert upstream_layout.sizes_of(name) == EncoderShape(6, 768, 12, 3072)
    with pytest.raises(PackError, match="does not tell its encoder's sizes"):
        upstream_layout.sizes_of("entities.model")
