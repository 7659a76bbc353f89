import pytest

from gpu_worker.engine import memory


def test_memory_is_given_back_some_times_a_stage_however_often_it_advances(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []
    given_back: list[float] = []
    monkeypatch.setattr(memory, "_give_back", lambda: given_back.append(heard[-1]))
    advance = memory.returning_memory(heard.append)
    shares = [step / 1_000 for step in range(1_001)]
    for share in shares:
        advance(share)
    assert heard == shares
    assert len(given_back) == 16
    assert given_back[-1] == 1.0


def test_giving_back_is_safe_at_any_time() -> None:
    memory._give_back()
    memory._give_back()
