"""Many mixed callers at once against a local service that runs: what they were answered, and what became of their jobs.

    python -m benchmarks.load URL [--callers 200] [--seconds 120] [--seed 1] [--text FILE ...]

The callers submit, with and without idempotency keys, upload, analyse, look, wait, list, cancel, stop, retry, fetch,
delete and send nonsense, each without a pause between two calls, until the time is over. Then every job that was
promised must end, have run no more often than it was queued, and be counted: `stats` must equal a recount through the
list. Prints how many answers of each status there were and how long they took, and exits with 1 if anything was not as
promised. The one 5xx that is allowed is the 503 of a full queue.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.errors import in_one_line
from benchmarks.load.record import Record
from benchmarks.load.run import Load

#: What callers submit where nothing else is named: some lines of this story, which are read in a moment.
STORY = Path(__file__).parents[2] / "examples" / "the_light_on_corrow_mole.txt"
LINES = 8

#: How many different faults are printed.
SHOWN = 30


@in_one_line
def main() -> None:
    """Run the load that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", type=_local, help="where the service is, on this machine")
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--text", type=Path, nargs="+", help="what is submitted; by default, lines of a short story")
    asked = parser.parse_args()
    texts = [path.read_text(encoding="utf-8") for path in asked.text] if asked.text else _lines_of_the_story()
    record, recount = asyncio.run(Load(asked.url, asked.callers, asked.seconds, asked.seed, texts).run(_show_answers))
    _show_jobs(record, recount)
    sys.exit(1 if record.faults else 0)


def _local(url: str) -> str:
    if urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1"):
        raise argparse.ArgumentTypeError("only a service on this machine is put under load")
    return url


def _lines_of_the_story() -> Sequence[str]:
    lines = STORY.read_text(encoding="utf-8").splitlines()
    parts = ("\n".join(lines[start : start + LINES]) for start in range(0, len(lines), LINES))
    return [part for part in parts if part.strip()]


def _show_answers(record: Record) -> None:
    print(f"{'call':<20}{'answers':>8}{'median s':>10}{'p95':>8}{'p99':>8}{'longest':>9}")
    for row in record.rows():
        print(f"{row.call:<20}{row.count:8}{row.median:10.2f}{row.p95:8.2f}{row.p99:8.2f}{row.longest:9.2f}")
    print(f"\nBy status: {_counts(record.statuses)}; {record.full} of the 503 were of a full queue", flush=True)


def _show_jobs(record: Record, recount: Counter[str]) -> None:
    print(f"{len(record.jobs)} jobs were promised; the list has, with those from before: {_counts(recount)}")
    print(f"{record.faults.total()} faults")
    for sentence, count in record.faults.most_common(SHOWN):
        print(f"  {count} x {sentence}")


def _counts(counted: Counter[int] | Counter[str]) -> str:
    return ", ".join(f"{name} x {count}" for name, count in sorted(counted.items(), key=str))


if __name__ == "__main__":
    main()
