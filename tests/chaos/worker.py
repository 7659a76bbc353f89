"""The worker as its own program, with the scripted engine in the place of BookNLP's."""

import sys

from gpu_worker.__main__ import main
from tests.scripted_engine import LOADER

if __name__ == "__main__":
    sys.exit(main(LOADER))
