"""A pack of random weights, small enough to be made and run in a blink."""

from pathlib import Path

from gpu_worker.engine import upstream_layout
from gpu_worker.engine.encoder import EncoderShape
from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import read_manifest

MINI = Path("gpu_worker/packs/mini")
SHAPES = {
    Model.TAGGER: EncoderShape(4, 32, 4, 128),
    Model.SPEAKER: EncoderShape(2, 32, 4, 128),
    Model.COREF: EncoderShape(2, 16, 2, 64),
}


def make(folder: Path, seed: int = 0) -> Path:
    """Write the pack into `folder`; its three models have encoders of their own."""
    upstream_layout.write_random_pack(
        folder, SHAPES, MINI / "vocab.txt", name="tiny", tag_sets=read_manifest(MINI).tag_sets, lean=0.0, seed=seed
    )
    return folder
