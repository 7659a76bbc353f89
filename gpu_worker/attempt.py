"""One attempt at one job: from its text in S3 to its results in the attempt's folder, by way of the engine."""

import time
from collections.abc import Callable
from pathlib import Path

from gpu_worker import metrics
from gpu_worker.checkpoints import StoredCheckpoints, fingerprint
from gpu_worker.connections import Connections
from gpu_worker.engine_process import EngineProcess
from gpu_worker.errors import EngineDied, PermanentFailure, ShutdownRequested, TransientFailure
from gpu_worker.lease import Heartbeat
from gpu_worker.logs import begin_stage, logger
from gpu_worker.pack_fetch import fetch_pack
from gpu_worker.packs import places
from gpu_worker.protocol import Advanced, Analyze, Command, Failed, FinalAnswer, Finished, Load, Loaded, Saved
from gpu_worker.retries import persist
from gpu_worker.scratch import Scratch
from gpu_worker.shutdown import Shutdown
from gpu_worker.timeline import Timeline
from jobs.model import Job, Lease, Outcome

#: How often an attempt looks up from the engine to the heartbeat and the shutdown, in seconds.
LOOK_UP = 0.2

#: How long the engine may take to stop before its process is killed, in seconds.
GRACE = 2.0


class Attempt:
    """One attempt at one job.

    `run` raises PermanentFailure, TransientFailure, CancelRequested, ShutdownRequested, LeaseLost, or what the
    stores raise; the engine is idle or gone then.
    """

    def __init__(
        self,
        connections: Connections,
        engine: EngineProcess,
        heartbeat: Heartbeat,
        shutdown: Shutdown,
        scratch: Scratch,
        timeline: Timeline,
    ) -> None:
        self._connections = connections
        self._engine = engine
        self._heartbeat = heartbeat
        self._shutdown = shutdown
        self._scratch = scratch
        self._timeline = timeline

    def run(self, job: Job, lease: Lease) -> Outcome:
        """Return what the results that are now in the attempt's folder tell of the run."""
        self._scratch.lay_out()
        document = self._fetch_text(job)
        loaded = self._load(self._pack_folder(job))
        logger.info("the engine is ready", pack=loaded.pack, device=loaded.device)
        persist(lambda: self._connections.store.note_pack(lease, loaded.pack))
        name = fingerprint(document, loaded.identity, job)
        checkpoints = StoredCheckpoints(self._connections.documents, job.job_id, name, self._scratch)
        checkpoints.fetch()
        return self._analyze(job, checkpoints)

    def _fetch_text(self, job: Job) -> bytes:
        document = persist(lambda: self._connections.documents.read(job.document_key))
        try:
            document.decode()
        except UnicodeDecodeError as error:
            raise PermanentFailure(
                f"The text is not UTF-8: byte {error.start} cannot be read. Save it as UTF-8 and submit it again."
            ) from error
        self._scratch.text.write_bytes(document)
        return document

    def _pack_folder(self, job: Job) -> Path:
        """Return the folder of the job's pack, whose version an earlier attempt may have noted behind its name."""
        name, settings = job.pack.partition("@")[0], self._connections.settings
        folder = places.find(name, settings.pack_dir)
        if folder is None and settings.pack_bucket is not None:
            client, bucket = self._connections.documents.client, settings.pack_bucket
            folder = persist(lambda: fetch_pack(client, bucket, name, settings.pack_shelf, self._check))
        if folder is None:
            raise PermanentFailure(f"The model pack '{name}' is not installed on the worker; choose another model.")
        return folder

    def _load(self, pack_folder: Path) -> Loaded:
        self._engine.start()
        answer = self._answer(Load(pack_folder), lambda _: None)
        if not isinstance(answer, Loaded):
            raise TransientFailure("The engine could not load its model pack.")
        return answer

    def _analyze(self, job: Job, checkpoints: StoredCheckpoints) -> Outcome:
        order = Analyze(
            folder=self._scratch.folder,
            job_id=job.job_id,
            pipeline=job.pipeline,
            options=job.options,
            submitted_at=job.submitted_at,
            started_at=job.started_at or self._connections.clock(),
        )

        def keep(stage: str) -> None:
            metrics.stage_done(job, self._timeline.leave(stage))
            checkpoints.store(stage)

        answer = self._answer(order, keep)
        if not isinstance(answer, Finished):
            raise TransientFailure("The engine stopped before its work was done.")
        return answer.outcome

    def _answer(self, command: Command, keep: Callable[[str], None]) -> FinalAnswer:
        """Return the final answer to a command; whatever interrupts the wait for it stops the engine first.

        `keep` is called with each stage whose checkpoint lies in the attempt's folder.
        """
        try:
            self._engine.send(command)
            answer = self._await_answer(keep)
        except EngineDied:
            raise
        except BaseException:
            self._engine.halt(GRACE)
            raise
        if isinstance(answer, Failed):
            logger.error("the engine failed", stack=answer.stack)
            if answer.permanent:
                raise PermanentFailure(answer.reason)
            # What broke may be the process itself: after some errors of a GPU, everything that it tries on it fails.
            self._engine.kill()
            raise TransientFailure(answer.reason)
        return answer

    def _await_answer(self, keep: Callable[[str], None]) -> FinalAnswer:
        heard_at = time.monotonic()
        while True:
            event = self._engine.receive(LOOK_UP)
            self._check()
            match event:
                case None:
                    self._check_silence(time.monotonic() - heard_at)
                    continue
                case Advanced(stage):
                    begin_stage(stage)
                    self._timeline.enter(stage)
                    self._heartbeat.note(event)
                case Saved(stage):
                    logger.info("stage done", done=stage)
                    keep(stage)
                case _:
                    return event
            heard_at = time.monotonic()

    def _check(self) -> None:
        """Return if the attempt may go on; raises LeaseLost, CancelRequested or ShutdownRequested."""
        self._heartbeat.check()
        if self._shutdown.requested:
            raise ShutdownRequested

    def _check_silence(self, seconds: float) -> None:
        if seconds > self._connections.settings.engine_silence_seconds:
            raise TransientFailure(f"The engine hung: it gave no sign for {seconds:.0f} seconds.")
