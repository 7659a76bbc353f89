"""The local stack as a whole: brought up in order, watched, and stopped in order so that no job is lost."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from gpu_worker.packs.places import MINI
from infra.local import dependencies, emulator, packs
from infra.local.answers import answers
from infra.local.deploy import Deployer, Deployment
from infra.local.errors import BrokenDown, FolderNotWritable, NoProject, PortInUse, ServiceFailed, StateDamaged
from infra.local.home import Home, Running
from infra.local.ports import free_port, holder, is_free
from infra.local.processes import Child, Identity
from infra.local.restarts import BackOff
from infra.local.template import TEMPLATE

#: How long each process may take to stop, in seconds; the worker's and the emulator's add up. The emulator is done in
#: one, but on a slow disk or a busy machine it is better waited for: killed while it saves, it loses the jobs.
PATIENCE = {"front": 1.5, "worker": 4.0, "emulator": 30.0}

#: How long the service may take to answer once everything is started, in seconds.
READY_WITHIN = 30.0

#: How often the processes are looked at, in seconds.
WATCH_EVERY = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person at the terminal asked for."""

    #: Where the API is to be.
    port: int = 8000
    #: Whether jobs are read, or only accepted.
    worker: bool = True
    #: Whether the bundled pack serves `small` and `big`.
    substitute: bool = True
    #: Whether callers are asked for an API key.
    keys: bool = False

    @property
    def parameters(self) -> Mapping[str, str]:
        """The template's parameters that say so."""
        return {
            "SubstitutePack": MINI.name if self.substitute else "",
            "RequireKeys": "true" if self.keys else "false",
        }


@dataclass
class LocalStack:
    """One local stack, run by this process. Leaving its `with` statement stops all that it started."""

    home: Home
    #: The folder's lock, which the emulator inherits: it is held until that has ended too.
    lock: int
    options: Options
    #: Told what happens, in words for the person at the terminal.
    report: Callable[[str], None]
    _children: dict[str, Child] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    #: Has what went wrong once the stack cannot go on.
    _broken: "Future[None]" = field(default_factory=Future)
    _watch: threading.Thread | None = None
    _running: Running = field(init=False)
    #: Whether the folder tells what runs now.
    _noted: bool = False

    def __enter__(self) -> Self:
        self._running = Running(
            supervisor=Identity.of(os.getpid()),
            port=self.options.port,
            with_worker=self.options.worker,
            with_substitute=self.options.substitute,
            with_keys=self.options.keys,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Running:
        """Bring everything up and return once the service can be used.

        Raises NoProject, MissingDependency, PortInUse, PortNotPermitted, FolderNotWritable, EmulatorFailed,
        DeployFailed or ServiceFailed.
        """
        if not TEMPLATE.exists():
            raise NoProject(TEMPLATE.parent)
        dependencies.require(dependencies.STACK + (dependencies.WORKER if self.options.worker else ()))
        if not is_free(self.options.port):
            raise PortInUse(self.options.port, holder(self.options.port))
        self._note()
        for pack in packs.store(self.home).installed():
            if pack.fault is not None:
                self._tell(f"The model pack {pack.name} is left out: {pack.fault}.")
        self._bring_up()
        self._watch = threading.Thread(target=self._watch_over, name="watch", daemon=True)
        self._watch.start()
        return self._running

    def wait(self) -> None:
        """Wait until the stack cannot go on, and raise BrokenDown; until then only a signal ends the wait."""
        while not self._broken.done():
            time.sleep(WATCH_EVERY)  # a signal that another thread was given is heard between two of these
        try:
            self._broken.result()
        except Exception as fault:
            raise BrokenDown(fault) from fault

    def stop(self) -> None:
        """Stop every process: the worker gives its job back first, then the emulator keeps its state.

        Raises StateNotKept when it did not.
        """
        self._stopping.set()
        if self._watch is not None:
            self._watch.join(timeout=5)
        self._bring_down()
        self.home.note_running(None)
        os.close(self.lock)
        self.home.see_state_kept(self._running)

    def _bring_up(self) -> None:
        try:
            deployment = self._deployed_emulator()
        except StateDamaged as damaged:
            self._bring_down()
            aside = self.home.set_state_aside()
            self._tell(f"The kept state is damaged ({damaged}); its jobs are lost. It is now in {aside}.")
            deployment = self._deployed_emulator()
        self.home.note_deployment(deployment)
        api_id, port = deployment.outputs["ApiId"], self._running.emulator_port or 0
        self._note(api_id=api_id, queue_url=deployment.outputs["QueueUrl"])
        front = ["--port", str(self.options.port), "--emulator", emulator.url(port), "--api", api_id]
        self._start("front", ["infra.local.front", *front], {})
        if self.options.worker:
            self._start("worker", ["gpu_worker"], self._worker_environment(deployment, port))
        self._wait_until_it_answers()
        self._note(ready=True)

    def _deployed_emulator(self) -> Deployment:
        """Start the emulator with what it kept and deploy to it what differs; raises StateDamaged."""
        port = self._emulator_port()
        settings = emulator.environment(port, self.home.state, self.home.clear_scratch())
        saved_at = emulator.saved_at(self.home.state)
        self._start("emulator", [emulator.MODULE], settings, [self.lock])
        self._note(emulator_port=port, state_saved_at=saved_at)
        emulator.wait_until_ready(port, self._children["emulator"])
        installed = {"Packs": ",".join(sorted(packs.store(self.home).usable()))}
        return Deployer(port, installed | dict(self.options.parameters)).deploy(self.home.deployment())

    def _emulator_port(self) -> int:
        """Return the port that the kept state was made on, or a free one where there is none or it is taken.

        The emulator finds the queues that feed functions by their addresses alone, and these name the port.
        """
        standing = self.home.deployment()
        if standing is None or standing.port is None:
            return free_port()
        if is_free(standing.port):
            return standing.port
        self._tell(f"Port {standing.port} is taken: S3 uploads wait until a start that finds it free.")
        return free_port()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not answers(f"http://127.0.0.1:{self.options.port}/health"):
            front = self._children["front"]
            if front.poll() is not None or time.monotonic() > deadline:
                raise ServiceFailed(f"The service does not answer on port {self.options.port}; see {front.log}.")
            time.sleep(0.05)

    def _bring_down(self) -> None:
        for name in ("front", "worker"):
            if name in self._children:
                self._children[name].ask_to_stop()
        for name in ("front", "worker", "emulator"):
            if child := self._children.pop(name, None):
                if name == "emulator":
                    child.ask_to_stop()
                child.see_stopped(PATIENCE[name])

    def _start(
        self, name: str, module: Sequence[str], environment: Mapping[str, str], keep_open: Sequence[int] = ()
    ) -> None:
        child = Child.start(name, module, environment, self.home.log(name), keep_open)
        self._children[name] = child
        self._note(children={**self._running.children, name: child.identity})

    def _note(self, **changes: object) -> None:
        self._running = self._running.model_copy(update=changes)
        self._noted = False
        self.home.note_running(self._running)
        self._noted = True

    def _tell(self, sentence: str) -> None:
        with suppress(OSError):  # what it is written to may be on a disk that is full, and the stack goes on
            self.report(sentence)

    def _worker_environment(self, deployment: Deployment, emulator_port: int) -> dict[str, str]:
        """Return the worker's settings: those that the deployed function has, and what is on this machine alone."""
        return {
            **emulator.client_environment(emulator_port),
            **deployment.settings,
            "BOOKJOB_DEAD_LETTER_QUEUE_URL": deployment.outputs["DeadLetterQueueUrl"],
            "BOOKJOB_PACK_DIR": str(packs.store(self.home).folder),
        }

    def _watch_over(self) -> None:
        """Keep the stack going until it is stopped; whatever that fails at, there is someone who waits to be told."""
        try:
            self._keep_going()
        except Exception as fault:
            self._broken.set_exception(fault)

    def _keep_going(self) -> None:
        """Start what died again, until the stack is stopped; without its emulator everything starts anew."""
        back_off = dict.fromkeys(PATIENCE, BackOff())
        while not self._stopping.wait(WATCH_EVERY):
            if not self._noted:  # the disk was full
                with suppress(FolderNotWritable):
                    self._note()
            dead = next((child for child in self._children.values() if child.poll() is not None), None)
            if dead is None:
                continue
            back_off[dead.name] = back_off[dead.name].after_death(dead.ran_for)
            delay = back_off[dead.name].delay
            self._tell(f"The {dead.name} ended ({dead.ending}); it starts again in {delay:.0f} s. See {dead.log}.")
            if not self._stopping.wait(delay):
                self._revive(dead)

    def _revive(self, dead: Child) -> None:
        if dead.name == "emulator":
            self._tell("What the emulator was told since the stack's last start is lost with it.")
            self._note(ready=False)
            self._bring_down()
            self._bring_up()
            return
        try:
            self._children[dead.name] = dead.start_again()
            self._note(children={**self._running.children, dead.name: self._children[dead.name].identity})
        except (OSError, FolderNotWritable) as fault:  # it may pass, and jobs are safe as long as the emulator runs
            self._tell(f"{fault} It is tried again and again.")
