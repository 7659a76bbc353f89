"""What can go wrong while reading a book. Every message tells what was wrong and what to do."""


class EngineError(Exception):
    """The engine could not finish."""


class UnreadableText(EngineError):
    """The text cannot be analysed, and another attempt would fail alike."""


class PackError(EngineError):
    """The model pack is missing, damaged or not one that this engine can run."""


class Cancelled(EngineError):
    """The caller asked the engine to stop."""
