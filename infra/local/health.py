"""How each part of the local stack is, asked from outside."""

from collections.abc import Mapping
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from infra.local import emulator
from infra.local.clients import client
from infra.local.home import Home, Running
from infra.local.processes import Identity

#: Seconds that a part may take to answer.
PATIENCE = 5.0


class Part(BaseModel):
    """One part of the stack."""

    model_config = ConfigDict(frozen=True)

    name: str
    healthy: bool
    #: What there is to say about it, in words.
    detail: str


def check(home: Home) -> list[Part]:
    """Return each part's state, in the order in which they depend on each other."""
    running = home.running()
    if running is None or running.supervisor.find() is None:
        return [Part(name="stack", healthy=False, detail="not running; start it with: bookjob up")]
    return [_emulator(running), _queue(running), _worker(running), _front(running), _api(running)]


def _emulator(running: Running) -> Part:
    port = running.emulator_port
    healthy = port is not None and emulator.is_healthy(port)
    return Part(name="emulator", healthy=healthy, detail=f"port {port}" if healthy else "does not answer")


def _queue(running: Running) -> Part:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    if running.emulator_port is None or running.queue_url is None:
        return Part(name="queue", healthy=False, detail="not deployed yet")
    if not emulator.is_healthy(running.emulator_port):
        return Part(name="queue", healthy=False, detail="the emulator does not answer")
    sqs = client("sqs", running.emulator_port)
    try:
        found = sqs.get_queue_attributes(QueueUrl=running.queue_url, AttributeNames=names)["Attributes"]
    except (BotoCoreError, ClientError) as error:
        return Part(name="queue", healthy=False, detail=str(error))
    waiting, running_now = (found[name] for name in names)
    return Part(name="queue", healthy=True, detail=f"{waiting} waiting, {running_now} with a worker")


def _worker(running: Running) -> Part:
    if not running.with_worker:
        return Part(name="worker", healthy=True, detail="left out (--no-worker)")
    process = _process(running.children.get("worker"))
    if process is None:
        return Part(name="worker", healthy=False, detail="ended; it is started again, see logs/worker.log")
    checks = (_get(running, "/ready") or {}).get("checks", {})
    heard = checks.get("worker", {}).get("ok") is True
    return Part(name="worker", healthy=heard, detail=process if heard else f"{process}, not heard of yet")


def _front(running: Running) -> Part:
    process = _process(running.children.get("front"))
    detail = f"{running.url}, {process}" if process else "ended; it is started again, see logs/front.log"
    return Part(name="front", healthy=process is not None, detail=detail)


def _api(running: Running) -> Part:
    health = _get(running, "/health")
    if health is None or "status" not in health:
        return Part(name="api", healthy=False, detail="does not answer; see logs/emulator.log")
    return Part(name="api", healthy=True, detail=f"{health.get('status')}, version {health.get('version')}")


def _process(identity: Identity | None) -> str | None:
    return f"process {identity.pid}" if identity is not None and identity.find() is not None else None


def _get(running: Running, path: str) -> Mapping[str, Any] | None:
    try:
        answer = httpx.get(f"http://127.0.0.1:{running.port}{path}", timeout=PATIENCE, trust_env=False)
        told = answer.is_success or answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        body: Mapping[str, Any] = answer.json() if told else {}
    except (httpx.TransportError, ValueError):
        return None
    return body or None
