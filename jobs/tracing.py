"""The X-Ray trace that a request belongs to: from the function that took it in to the worker that does its work."""

import os
import re
from dataclasses import dataclass
from typing import Self

#: Where the Lambda runtime writes the header of the invocation at hand.
TRACE_VARIABLE = "_X_AMZN_TRACE_ID"

_ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_SEGMENT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """A tracing header that can be read, as AWS X-Ray writes it: `Root=…;Parent=…;Sampled=1`."""

    #: The trace's id.
    root: str
    #: The id of the segment that what follows hangs from, where the header names one.
    parent: str | None
    #: Whether the trace is recorded.
    sampled: bool

    @classmethod
    def parse(cls, header: str | None) -> Self | None:
        """Return what the header says, or None when there is none that can be read."""
        fields = dict(field.strip().partition("=")[::2] for field in (header or "").split(";"))
        root, parent = fields.get("Root", ""), fields.get("Parent", "")
        if not _ROOT.fullmatch(root):
            return None
        return cls(root, parent if _SEGMENT.fullmatch(parent) else None, fields.get("Sampled") == "1")


def current_trace() -> str | None:
    """Return the tracing header of the Lambda invocation at hand, or None outside of one or without tracing."""
    return os.environ.get(TRACE_VARIABLE)
