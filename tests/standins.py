"""Stand-ins for upstream's published models: random weights in the exact layout and under the names of its files."""

import re
import shutil
from pathlib import Path

import torch

from gpu_worker.engine.layout import Model
from gpu_worker.engine.manifest import read_manifest
from gpu_worker.engine.pack import load_pack
from gpu_worker.engine.upstream_layout import export, sizes_of, write_random_pack
from gpu_worker.packs.places import MINI
from gpu_worker.packs.published import Published

#: `small` with small encoders, whose sizes its files tell as upstream's do.
TINY = Published(
    "small",
    {
        Model.TAGGER: "entities_google_bert_uncased_L-4_H-32_A-4-v1.0.model",
        Model.COREF: "coref_google_bert_uncased_L-2_H-16_A-2-v1.0.model",
        Model.SPEAKER: "speaker_google_bert_uncased_L-2_H-32_A-4-v1.0.1.model",
    },
    {"entities": {"f1": 88.2}},
)

#: What upstream's checkpoints hold beside the weights that are read (transformers 4.11, with which they were saved).
UNREAD = {"bert.embeddings.position_ids": torch.arange(512)[None]}


def lay_out(published: Published, folder: Path) -> Path:
    """Write random weights as upstream's three files, and the base encoders as the Hugging Face hub has them."""
    shapes = {model: sizes_of(name) for model, name in published.files.items()}
    write_random_pack(
        folder / "random", shapes, MINI / "vocab.txt", name="random", tag_sets=read_manifest(MINI).tag_sets
    )
    for model, path in export(load_pack(folder / "random", "cpu"), folder / "export").items():
        state = torch.load(path, weights_only=True)
        torch.save(state | UNREAD, folder / published.files[model])
        base = folder / re.sub(r"\w+?_google_(bert.*?)-v.*", r"google/\1", published.files[model])
        shutil.copytree(path.with_name(path.name.partition("_")[2].partition("-v")[0]), base, dirs_exist_ok=True)
    return folder
