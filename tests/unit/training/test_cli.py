import subprocess
import sys
from pathlib import Path


def test_a_folder_without_corpora_is_told_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "score", "gpu_worker/packs/mini", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/litbank does not hold LitBank as it is pinned")
    assert "Traceback" not in done.stderr
