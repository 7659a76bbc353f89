"""`python -m infra.local`: the local stack without a terminal; `bookjob up --detach` starts it so."""

import argparse
import sys

from infra.local.errors import LocalStackError
from infra.local.home import Home, Running
from infra.local.session import run, take
from infra.local.stack import Options


def main() -> int:
    """Run the stack that the command line describes until a signal stops it; what happens is told on stdout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--worker", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--substitute", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--keys", action=argparse.BooleanOptionalAction, default=False)
    options = Options(**vars(parser.parse_args()))
    home = Home.default()
    try:
        lock = take(home)
        if isinstance(lock, Running):
            _say(f"The local stack of {home.path} runs already.")
            return 1
        run(home, lock, options, _say, lambda running: _say(f"ready on {running.url}"))
    except KeyboardInterrupt:
        _say("stopped")
        return 0
    except LocalStackError as error:
        _say(str(error))
    return 1


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
