"""What can go wrong while a pack is fetched. Every message tells what was wrong and what to do."""


class DownloadFailed(Exception):
    """A file could not be fetched."""


class ChecksumMismatch(Exception):
    """A file is not the one that was meant."""
