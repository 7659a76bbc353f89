"""How a job's progress looks: a live bar for a person at a terminal, a line for each change in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bookjob.models import Job, JobState
from bookjob.transfer import OnProgress
from bookjob.wording import describe, duration

#: Wide enough for every stage, so that the bar keeps its place when the stage changes.
_DESCRIPTION_WIDTH: Final = 33
#: Columns of the terminal. The line must not fill it: a terminal that shows `^C` at its end would break it in two.
_SHORTEST_BAR: Final = 8
_LONGEST_BAR: Final = 40
_BESIDE_BAR: Final = 70

#: A log gets a line for every so many percent within a stage.
_PERCENT_PER_LINE: Final = 10


@contextmanager
def job_progress(console: Console) -> Iterator[Callable[[Job], None]]:
    """Yield the call that shows a job as it stands; what it shows is put in order at the end, whichever way it ends."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(
        SpinnerColumn(),
        TextColumn(f"{{task.description:<{_DESCRIPTION_WIDTH}}}"),
        BarColumn(bar_width=max(_SHORTEST_BAR, min(_LONGEST_BAR, console.width - _BESIDE_BAR))),
        _Percent(),
        TimeElapsedColumn(),
        _TimeLeft(),
        console=console,
    ) as progress:
        yield _Bar(progress)


@contextmanager
def bytes_progress(console: Console, what: str) -> Iterator[OnProgress]:
    """Yield the call that shows a person how many bytes have passed; a log gets none of it, nor does what is over."""
    with Progress(
        TextColumn(f"{{task.description:<{_DESCRIPTION_WIDTH + 2}}}"),
        BarColumn(bar_width=max(_SHORTEST_BAR, min(_LONGEST_BAR, console.width - _BESIDE_BAR))),
        DownloadColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


class _Bar:
    """Moves one bar; a job that waits makes it pulse."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("Looking", total=None)

    def __call__(self, job: Job) -> None:
        total = None if job.status is JobState.PENDING else 100
        done_at = None if job.eta_seconds is None else self._progress.get_time() + job.eta_seconds
        self._progress.update(
            self._task, description=describe(job), total=total, completed=job.progress, done_at=done_at
        )


class _Lines:
    """Prints a line whenever there is something new to say."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: tuple[str, int] | None = None

    def __call__(self, job: Job) -> None:
        words = describe(job)
        saying = (words, int(job.progress) // _PERCENT_PER_LINE)
        if saying == self._said:
            return
        self._said = saying
        percent = "" if job.status is JobState.PENDING else f"{job.progress:3.0f} %  "
        left = f", about {duration(job.eta_seconds)} left" if job.eta_seconds and job.status is JobState.RUNNING else ""
        self._console.print(Text(f"{percent}{words}{left}"), soft_wrap=True)


class _Percent(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.percentage:3.0f} %")


class _TimeLeft(ProgressColumn):
    """The service's own estimate of the work left, counted down: it knows what each stage costs, a bar does not."""

    def render(self, task: Task) -> Text:
        done_at = task.fields.get("done_at")
        if done_at is None or not task.total or task.finished:
            return Text()
        return Text(f"{duration(done_at - task.get_time())} left", style="cyan")
