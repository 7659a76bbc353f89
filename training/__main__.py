"""The command `python -m training`; what stops it is told in one line."""

import sys

from gpu_worker.engine.errors import EngineError
from training.cli import app
from training.errors import TrainingError

try:
    app()
except (TrainingError, EngineError) as error:
    sys.exit(f"error: {error}")
