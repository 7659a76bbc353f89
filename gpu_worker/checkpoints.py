"""The outputs of an unfinished job's stages in S3, so that its next attempt starts after the last whole stage."""

import hashlib
import json
from dataclasses import asdict, dataclass

from gpu_worker.logs import logger
from gpu_worker.scratch import Scratch
from jobs.documents import DocumentStore, checkpoint_key
from jobs.errors import AWS_ERRORS
from jobs.model import Job


def fingerprint(document: bytes, engine: str, job: Job) -> str:
    """Return a name for everything that a stage's output was made from; 64 hexadecimal digits."""
    made_from = {
        "document": hashlib.sha256(document).hexdigest(),
        "engine": engine,
        "pipeline": job.pipeline,
        "options": asdict(job.options),
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredCheckpoints:
    """The checkpoints of one job that fit one fingerprint. They save time only, so no failure here ends an attempt."""

    documents: DocumentStore
    job_id: str
    fingerprint: str
    scratch: Scratch

    def fetch(self) -> None:
        """Put what earlier attempts saved into the attempt's folder."""
        try:
            for stage in self.documents.checkpointed(self.job_id, self.fingerprint):
                state = self.documents.find(self._key(stage))
                if state is not None:
                    self.scratch.checkpoint(stage).write_bytes(state)
                    logger.info("resuming after a checkpoint", checkpoint=stage)
        except AWS_ERRORS:
            logger.warning("the checkpoints could not be fetched: starting anew", exc_info=True)

    def store(self, stage: str) -> None:
        """Store the checkpoint that the engine left in the attempt's folder."""
        try:
            with self.scratch.checkpoint(stage).open("rb") as state:
                self.documents.put(self._key(stage), state, "application/octet-stream")
        except AWS_ERRORS:
            logger.warning("a checkpoint could not be stored", checkpoint=stage, exc_info=True)

    def _key(self, stage: str) -> str:
        return checkpoint_key(self.job_id, self.fingerprint, stage)
