"""Run our engine over some texts, in a process of its own and with the output of `benchmarks.upstream`.

python -m benchmarks.ours PACK OUT TEXT [TEXT ...] [--precision bf16] [--correct]
"""

import argparse
import json
import resource
import time
from pathlib import Path

import psutil

from benchmarks.floor import encoder_flops, product_rate
from gpu_worker.engine import Engine, Options, Progress


class StageClock:
    """Adds up the seconds between reports by the stage that made the first of each two."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last: tuple[str, float] | None = None

    def hear(self, progress: Progress) -> None:
        """Take note of a report."""
        self.stop()
        self._last = progress.stage, time.monotonic()

    def stop(self) -> None:
        """Count the time up to now."""
        if self._last is not None:
            stage, since = self._last
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - since
            self._last = None


def main() -> None:
    """Run the engine over the texts of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--correct", action="store_true", help="with upstream's defects corrected")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    engine = Engine.load(arguments.pack, precision=arguments.precision)
    loaded = time.monotonic() - started
    rate = product_rate(arguments.precision)
    for path in arguments.texts:
        clock = StageClock()
        started = time.monotonic()
        options = Options(compat=not arguments.correct)
        with encoder_flops() as flops:
            analysis = engine.analyze(path.read_text(encoding="utf-8"), options, on_progress=clock.hear)
        clock.stop()
        written = time.monotonic()
        for name, content in analysis.files().items():
            (arguments.out / f"{path.stem}.{name}").write_bytes(content.encode())
        ended = time.monotonic()
        seconds = {**clock.seconds, "files": ended - written, "total": ended - started}
        report = {"text": path.stem, "load": loaded, "seconds": seconds, "peak_bytes": peak_bytes()}
        work = {"tokens": analysis.token_count, "flops": sum(flops), "rate": rate}
        print(json.dumps(report | work), flush=True)


def peak_bytes() -> int:
    """Return the most memory that this process held, and each of its children."""
    children = (Path(f"/proc/{child.pid}/status").read_text() for child in psutil.Process().children())
    peaks = [int(line.split()[1]) for status in children for line in status.splitlines() if line.startswith("VmHWM")]
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + sum(peaks))


if __name__ == "__main__":
    main()
