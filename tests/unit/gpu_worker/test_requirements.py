"""What the worker's image installs, which several files tell: they must tell the same."""

import re
import tomllib
from pathlib import Path


def pins(path: str) -> set[str]:
    return set(re.findall(r"^[\w-]+==[\w.]+", Path(path).read_text(encoding="utf-8"), re.MULTILINE))


def worker() -> set[str]:
    extras = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {*extras["service"], *extras["worker"]}


def test_the_requirements_of_the_worker_are_pinned_as_the_projects() -> None:
    assert pins("gpu_worker/requirements.txt") == {pin for pin in worker() if not pin.startswith("torch==")}


def test_torch_is_the_same_in_the_project_in_its_set_up_and_in_the_image() -> None:
    (torch,) = (pin for pin in worker() if pin.startswith("torch=="))
    assert re.findall(r"^TORCH := (.+)$", Path("Makefile").read_text(encoding="utf-8"), re.MULTILINE) == [torch]
    assert torch in pins("gpu_worker/torch.lock")
