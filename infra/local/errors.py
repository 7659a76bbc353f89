"""What can go wrong with the local stack. An error's text is a sentence for the person at the terminal."""


class LocalStackError(Exception):
    """The local stack cannot do what it was asked."""


class EmulatorFailed(LocalStackError):
    """The emulator did not start, or stopped answering."""
