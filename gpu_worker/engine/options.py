"""What a caller may choose about an analysis."""

from dataclasses import dataclass

from gpu_worker.engine.document import Task

#: Pronouns by referential gender; upstream's five, from `EnglishBookNLP.__init__`.
Categories = tuple[tuple[str, ...], ...]

CATEGORIES: Categories = (
    ("he", "him", "his"),
    ("she", "her"),
    ("they", "them", "their"),
    ("xe", "xem", "xyr", "xir"),
    ("ze", "zem", "zir", "hir"),
)

#: What each task builds on.
NEEDS = {
    Task.QUOTE: frozenset({Task.ENTITY}),
    Task.COREF: frozenset({Task.ENTITY, Task.QUOTE}),
}


@dataclass(frozen=True, slots=True)
class Options:
    """How to analyse a text. Raises `ValueError` for choices that contradict each other."""

    tasks: frozenset[Task] = frozenset(Task)
    #: Whether common nouns are left to themselves and only pronouns are resolved, upstream's default.
    pronominal_coref_only: bool = True
    #: Which pronouns go together.
    referential_gender_cats: Categories = CATEGORIES
    #: Whether to give upstream BookNLP 1.0.8's files byte for byte, its defects included.
    compat: bool = False

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError(f"no task is asked for: choose from {', '.join(Task)}")
        if unknown := self.tasks - frozenset(Task):
            raise ValueError(f"no task is called {' or '.join(sorted(unknown))}: choose from {', '.join(Task)}")
        for task, needed in NEEDS.items():
            if task in self.tasks and not needed <= self.tasks:
                raise ValueError(f"{task} needs {' and '.join(sorted(needed - self.tasks))}")
        categories = self.referential_gender_cats
        if not all(categories) or len({"/".join(category) for category in categories}) < len(categories):
            raise ValueError("every category of referential gender holds pronouns, and no two read alike")
