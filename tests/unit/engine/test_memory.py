import subprocess
import sys
from pathlib import Path

import pytest

from gpu_worker.engine import memory

_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def _given_back(monkeypatch: pytest.MonkeyPatch, resident: dict[float, int], shares: list[float]) -> list[float]:
    """Return at which shares memory is given back, where the process holds `resident` megabytes after each."""
    heard = [0.0]
    given_back: list[float] = []
    monkeypatch.setattr(memory, "_resident", lambda: resident[heard[-1]] * 2**20)
    monkeypatch.setattr(memory, "_give_back", lambda: given_back.append(heard[-1]))
    advance = memory.returning_memory(heard.append)
    for share in shares:
        advance(share)
    assert heard[1:] == shares
    return given_back


def test_memory_is_given_back_at_a_stages_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _given_back(monkeypatch, {0.0: 500, 0.5: 700, 1.0: 600}, [0.5, 1.0]) == [1.0]


def test_memory_is_given_back_each_time_the_process_has_grown_by_a_quarter_of_a_gigabyte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resident = {0.0: 500, 0.1: 756, 0.2: 757, 0.3: 1_013, 0.4: 1_014, 0.5: 900}
    assert _given_back(monkeypatch, resident, [0.1, 0.2, 0.3, 0.4, 0.5]) == [0.2, 0.4]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_process_knows_what_it_holds() -> None:
    before = memory._resident()
    block = bytearray(b"x") * (64 * 2**20)
    assert memory._resident() - before + 2**20 >= 64 * 2**20
    assert len(block) == 64 * 2**20


def test_giving_back_is_safe_at_any_time() -> None:
    memory._give_back()
    memory._give_back()


@pytest.mark.skipif(
    not _HUGE_PAGES.exists() or "[never]" in _HUGE_PAGES.read_text(), reason="this system has no huge pages to give"
)
def test_torch_takes_its_buffers_in_huge_pages_once_the_engine_loads(tmp_path: Path) -> None:
    program = f"""
from contextlib import suppress
from pathlib import Path
from gpu_worker.engine import Engine, PackError
with suppress(PackError):
    Engine.load(Path({str(tmp_path)!r}))  # no pack is here, and none is needed
import torch
buffer = torch.ones(2**24)
print(*(line for line in Path("/proc/self/smaps_rollup").read_text().splitlines() if "AnonHugePages" in line))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[1]) >= 32_768
