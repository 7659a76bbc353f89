"""What can go wrong with the local stack. An error's text is a sentence for the person at the terminal."""

from pathlib import Path


class LocalStackError(Exception):
    """The local stack cannot do what it was asked."""


class EmulatorFailed(LocalStackError):
    """The emulator did not start, or stopped answering."""


class DeployFailed(LocalStackError):
    """The template could not be deployed to the emulator."""


class StateDamaged(LocalStackError):
    """What the emulator kept is not all there any more."""


class StateNotKept(LocalStackError):
    """The emulator ended and has not saved what it held."""

    def __init__(self) -> None:
        super().__init__(
            "Stopped, but the emulator could not keep its state (is the disk full?): "
            "what was accepted or finished since the last start is lost."
        )


class AlreadyRunning(LocalStackError):
    """Another process runs the local stack of this folder, or is about to."""


class PortInUse(LocalStackError):
    """Another program listens on the port that the API was to have."""

    def __init__(self, port: int, holder: str | None) -> None:
        by = f" by {holder}" if holder else ""
        super().__init__(f"Port {port} is in use{by}. Stop it, or choose another: bookjob up --port {port + 1}")


class PortNotPermitted(LocalStackError):
    """The system does not let this user listen on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"This user may not listen on port {port}: those below 1024 are the system's. "
            "Choose another: bookjob up --port 8000"
        )


class FolderNotWritable(LocalStackError):
    """A folder cannot be written to: that of the local stack, unless `remedy` says otherwise."""

    def __init__(self, path: Path, reason: str, remedy: str = "Set BOOKJOB_HOME to one that can.") -> None:
        super().__init__(f"The folder {path} cannot be written to ({reason}). {remedy}")


class MissingDependency(LocalStackError):
    """A library that the local stack runs on is not installed."""

    def __init__(self, libraries: list[str]) -> None:
        super().__init__(f"Not installed: {', '.join(libraries)}. Run `make setup` in the project's folder.")


class NoProject(LocalStackError):
    """This code was installed without what it deploys."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The service starts from the project's folder, which {folder} is not: it has no template.yaml. "
            "Run `make setup` in the project's folder, and the command from its .venv."
        )


class ServiceFailed(LocalStackError):
    """Everything was started and the service does not answer."""


class BrokenDown(LocalStackError):
    """A part of the stack ended and could not be started again."""

    def __init__(self, fault: Exception) -> None:
        reason = str(fault) if isinstance(fault, LocalStackError) else f"{type(fault).__name__}: {fault}"
        super().__init__(f"The service stopped, since what had ended could not be started again. {reason}")


class NoSuchPack(LocalStackError):
    """No model pack of that name is known."""


class PackRefused(LocalStackError):
    """A model pack is not what it should be."""


class PackUnreachable(LocalStackError):
    """A model pack's files could not be fetched."""
