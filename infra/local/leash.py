"""Run a module as this process, on a leash: it is asked to stop as soon as whoever started it is gone.

    python -m infra.local.leash MODULE [ARGUMENT...]

The leash is the standard input, a pipe whose other end only the starter holds. When the starter ends, even by
SIGKILL, the pipe ends with it, and this process sends itself SIGTERM. So nothing is left running, and what a module
does on SIGTERM (keep its state, give its job back) still happens. Unlike PR_SET_PDEATHSIG it works on every Unix and
whichever thread of the starter ends.
"""

import os
import runpy
import signal
import sys
import threading


def _stop_when_released() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the module that the command line names, as `python -m` would."""
    sys.argv = sys.argv[1:]
    threading.Thread(target=_stop_when_released, name="leash", daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
