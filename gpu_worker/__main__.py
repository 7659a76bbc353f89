"""The worker's entry point: `python -m gpu_worker`, configured by `BOOKJOB_*` and AWS's own variables.

Exit codes: 0 stopped in good order, 1 an error of its own, 2 a setting is missing or wrong, 128 + n ended at once by
a second signal n.
"""

import os
import socket
import sys
import tempfile
import uuid
from pathlib import Path

from botocore.exceptions import NoRegionError
from pydantic import ValidationError

from gpu_worker.connections import Connections
from gpu_worker.consumer import Consumer
from gpu_worker.engine_process import BOOKNLP, EngineProcess
from gpu_worker.logs import logger
from gpu_worker.settings import WorkerSettings
from gpu_worker.shutdown import Shutdown
from gpu_worker.task_protection import TaskProtection
from jobs.settings import PREFIX


def main(loader: str = BOOKNLP) -> int:
    """Run the worker with the engine that `loader` names until it is asked to stop; return its exit code."""
    shutdown = Shutdown()
    shutdown.listen()
    try:
        connections = Connections.connect(WorkerSettings.from_environment())
    except ValidationError as error:
        return _misconfigured(_sentence(error))
    except NoRegionError:
        return _misconfigured("the AWS region is not known: set AWS_DEFAULT_REGION")
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    logger.append_keys(worker_id=worker_id)
    logger.info("ready")
    protection = TaskProtection(os.environ.get("ECS_AGENT_URI") if connections.settings.task_protection else None)
    with tempfile.TemporaryDirectory(prefix="bookjob-") as home:
        Consumer(connections, EngineProcess(loader, Path(home)), shutdown, worker_id, protection).run()
    logger.info("stopped")
    return 0


def _misconfigured(sentence: str) -> int:
    sys.stderr.write(f"gpu_worker: {sentence}\n")
    return 2


def _sentence(error: ValidationError) -> str:
    """Return what is wrong with each setting, by the name of its environment variable."""
    faults = []
    for fault in error.errors():
        variable = PREFIX + str(fault["loc"][0]).upper()
        faults.append(f"{variable} is not set" if fault["type"] == "missing" else f"{variable}: {fault['msg']}")
    return "; ".join(faults)


if __name__ == "__main__":
    sys.exit(main())
