"""What is made of X-Ray's tracing headers."""

import pytest

from jobs.tracing import TRACE_VARIABLE, TraceHeader, current_trace

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (f"Root={ROOT};Parent={PARENT};Sampled=1", TraceHeader(ROOT, PARENT, True)),
        (f"Root={ROOT};Parent={PARENT};Sampled=0;Lineage=1:a:0", TraceHeader(ROOT, PARENT, False)),
        (f"Self=1-x; Root={ROOT}; Sampled=1", TraceHeader(ROOT, None, True)),
        (f"Root={ROOT};Parent=none;Sampled=?", TraceHeader(ROOT, None, False)),
        ("Root=1-nothing;Sampled=1", None),
        ("", None),
        (None, None),
    ],
)
def test_a_header_says_which_trace_and_whether_it_is_recorded(header: str | None, read: TraceHeader | None) -> None:
    assert TraceHeader.parse(header) == read


def test_the_trace_at_hand_is_the_lambda_runtime_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRACE_VARIABLE, raising=False)
    assert current_trace() is None
    monkeypatch.setenv(TRACE_VARIABLE, f"Root={ROOT}")
    assert current_trace() == f"Root={ROOT}"
