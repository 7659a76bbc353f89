"""The whole local stack as a user has it: started by `bookjob up`, spoken to over HTTP, stopped by `bookjob down`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local import emulator
from infra.local.health import check
from infra.local.home import Home, Running
from infra.local.ports import free_port
from infra.local.processes import Identity
from jobs.service import JobService
from jobs.settings import Settings
from tests.deadlines import until

#: Long enough for every stage to find something, short enough to be read in seconds.
TEXT = (
    "Mrs. Tarrant put down her cup. “You have been to Aldermouth, Dorothea,” she said.\n\n"
    "“I have, aunt,” said Dorothea, and she looked at the Captain. He laughed and went to the window."
)

BOOKJOB = (str(Path(sys.executable).with_name("bookjob")),)


@dataclass(frozen=True)
class Installation:
    """A folder and a port of its own for a local stack."""

    home: Home
    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "BOOKJOB_HOME": str(self.home.path), "OMP_NUM_THREADS": "2", "BOOKJOB_URL": self.url}

    def bookjob(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*BOOKJOB, *arguments], env=self.environment, capture_output=True, text=True, timeout=150, check=False
        )

    def up(self, *arguments: str) -> Running:
        """Start the stack, leave it running, and return what runs."""
        finished = self.bookjob("up", "--detach", "--port", str(self.port), *arguments)
        assert finished.returncode == 0, finished.stderr
        running = self.home.running()
        assert running is not None
        return running

    def up_in_foreground(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the stack as at a terminal and return its process once the service can be used."""
        process = subprocess.Popen(
            [*BOOKJOB, "up", "--port", str(self.port), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert until(lambda: (running := self.home.running()) is not None and running.ready)
        return process

    def submit(self, text: str = TEXT, **request: Any) -> str:
        answer = httpx.post(f"{self.url}/v1/jobs", json={"text": text, **request}, timeout=60)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["job_id"])

    def job(self, job_id: str) -> Any:
        return httpx.get(f"{self.url}/v1/jobs/{job_id}", timeout=60).json()

    def finish(self, job_id: str) -> Any:
        """Return the job once it has ended."""
        assert until(lambda: self.job(job_id)["status"] not in ("pending", "running"), every=0.25)
        return self.job(job_id)

    def made_key(self, *arguments: str) -> str:
        """Return a new API key, made by the operator's command."""
        finished = self.bookjob("keys", "create", *arguments)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()

    def core(self) -> JobService:
        """Return the job core over what the stack holds, for what the API does not tell."""
        running, deployment = self.home.running(), self.home.deployment()
        assert running is not None
        assert running.emulator_port is not None
        assert deployment is not None
        with pytest.MonkeyPatch.context() as environment:
            for name, value in emulator.client_environment(running.emulator_port).items():
                environment.setenv(name, value)
            return JobService.connect(Settings.from_environment(deployment.settings))

    def upload(self, key: str, text: str) -> str:
        """Put an object as any S3 client does, and return the id of the job that it becomes."""
        documents = self.core().documents
        s3, bucket = documents.client, documents.bucket
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), Metadata={"book-id": "uploaded"})
        assert until(lambda: bool(s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]), every=0.25)
        return s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"][0]["Value"]


def is_well(installation: Installation) -> bool:
    return all(part.healthy for part in check(installation.home))


def all_ended(processes: list[Identity]) -> bool:
    return all(process.find() is None for process in processes)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(Home(tmp_path / "home"), free_port())
    yield made
    made.bookjob("down")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack that is up, for tests that leave it so."""
    made = Installation(Home(tmp_path_factory.mktemp("stack") / "home"), free_port())
    running = made.up()
    yield made
    stopped = made.bookjob("down")
    assert stopped.returncode == 0, stopped.stderr
    assert all_ended([running.supervisor, *running.children.values()])


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A stack that asks its callers for API keys, for tests that leave it up."""
    made = Installation(Home(tmp_path_factory.mktemp("keyed") / "home"), free_port())
    made.up("--keys")
    yield made
    made.bookjob("down")
