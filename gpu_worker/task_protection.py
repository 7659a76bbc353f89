"""ECS task protection: while a job runs, neither a scale-in nor a deployment stops the task that runs it.

A task protects itself by way of the ECS agent beside it, whose address ECS puts into `ECS_AGENT_URI`
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html). It is no lease: a
task that dies takes its protection along, and a Spot interruption stops a protected task too.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from urllib.request import ProxyHandler, Request, build_opener

from gpu_worker.logs import logger

#: Minutes until ECS forgets a protection by itself: the longest it takes. A hung engine is given up long before.
LONGEST = 2880

#: How long the agent may take to answer, in seconds; it asks the ECS API itself.
PATIENCE = 10

#: The agent is a neighbour: no proxy leads to it.
_OPENER = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class TaskProtection:
    """The protection of the task that this process is; none where `agent` is None."""

    agent: str | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Protect the task from entry to exit.

        A protection that cannot be had is only logged: a task that is stopped gives its job back.
        """
        self._tell({"ProtectionEnabled": True, "ExpiresInMinutes": LONGEST})
        try:
            yield
        finally:
            self._tell({"ProtectionEnabled": False})

    def _tell(self, wanted: dict[str, bool | int]) -> None:
        if self.agent is None:
            return
        request = Request(  # noqa: S310 - the address is the one that ECS gave
            f"{self.agent}/task-protection/v1/state",
            data=json.dumps(wanted).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        try:
            with _OPENER.open(request, timeout=PATIENCE) as response:
                answer = json.load(response)
        except (OSError, HTTPException, ValueError):
            logger.warning("the ECS agent did not change the task's protection", wanted=wanted, exc_info=True)
            return
        if "protection" not in answer:
            logger.warning("ECS refused to change the task's protection", wanted=wanted, answer=answer)
