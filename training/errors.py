"""What can go wrong in training, told so that whoever trains can mend it."""


class TrainingError(Exception):
    """Training cannot go on; the message says why and what to do."""


class DataError(TrainingError):
    """A corpus is missing, incomplete or not the one that is pinned."""


class CheckpointError(TrainingError):
    """A run cannot go on from what its folder holds."""
