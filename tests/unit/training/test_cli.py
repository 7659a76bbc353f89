import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gpu_worker.engine.manifest import read_manifest
from gpu_worker.packs.places import MINI
from training.cli import app
from training.errors import DataError
from training.networks import Foundation


def test_a_folder_without_corpora_is_told_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "score", "gpu_worker/packs/mini", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/litbank does not hold LitBank as it is pinned")
    assert "Traceback" not in done.stderr


def test_an_encoder_that_is_cut_is_told(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "vocab.txt").write_text("[PAD]", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match="does not hold the encoder"):
        Foundation.read(tmp_path, read_manifest(MINI).tag_sets)


def test_a_split_that_there_is_not_is_answered_with_those_there_are() -> None:
    result = CliRunner().invoke(app, ["score", str(MINI), "--split", "foo"])
    assert result.exit_code == 2
    assert "'dev', 'test'" in result.output
