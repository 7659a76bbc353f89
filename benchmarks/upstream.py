"""Run upstream BookNLP 1.0.8 itself over some texts, as the oracle of parity and the other side of benchmarks.

    python -m benchmarks.upstream LAYOUT OUT TEXT [TEXT ...] [--params '{"pipeline": "entity,quote,coref"}']

LAYOUT is a folder with upstream's three `.model` files and the base encoder (`upstream_layout.export`). The files
of `a/b.txt` are written as `OUT/b.tokens` and so on. Standard output holds one line of JSON a text with the seconds
of each stage and the process's peak memory; upstream's own prints are dropped.

Upstream runs unchanged but for what keeps it from loading: checkpoints may carry `position_ids`, which current
transformers refuses.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gpu_worker.engine import syntax
from gpu_worker.engine.document import Stage

#: The parts of upstream that make up each stage, as (attribute path on its pipeline or class, stage).
_METHODS = (
    ("tagger.tag", Stage.TOKENS),
    ("entityTagger.tag", Stage.TAGGING),
    ("quoteTagger.tag", Stage.QUOTES),
    ("quote_attrib.tag", Stage.SPEAKERS),
    ("name_resolver.cluster_narrator", Stage.NAMES),
    ("name_resolver.cluster_identical_propers", Stage.NAMES),
    ("name_resolver.cluster_only_nouns", Stage.NAMES),
    ("litbank_coref.tag", Stage.COREFERENCE),
    ("get_syntax", Stage.CHARACTERS),
)


def main() -> None:
    """Run upstream over the texts of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layout", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--params", type=json.loads, default={}, help="more of upstream's parameters, as JSON")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    texts = [text.resolve() for text in arguments.texts]
    with _quiet():
        started = time.monotonic()
        pipeline = load(arguments.layout.resolve(), arguments.params)
        timings = Timings(pipeline)
        loaded = time.monotonic() - started
    for text in texts:
        with _quiet():
            seconds = timings.of(str(text), str(out), text.stem)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"text": text.stem, "load": loaded, "seconds": seconds, "peak_bytes": peak}), flush=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    dropped = io.StringIO()
    with (
        contextlib.redirect_stdout(dropped),
        contextlib.redirect_stderr(dropped),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def load(layout: Path, params: Mapping[str, Any]) -> Any:
    """Return upstream's pipeline with the models of `layout`, which becomes the working directory.

    Upstream finds a base encoder by its name alone, and so as a folder of the working directory.
    """
    import torch
    from booknlp.english.english_booknlp import EnglishBookNLP

    os.chdir(layout)
    _accept_position_ids(torch.nn.Module)
    model = {
        f"{option}_path": str(next(layout.glob(f"{prefix}_*.model")))
        for option, prefix in (
            ("entity_model", "entities"),
            ("coref_model", "coref"),
            ("quote_attribution_model", "speaker"),
        )
    }
    return EnglishBookNLP(
        {
            "pipeline": "entity,quote,supersense,event,coref",
            "model": "custom",
            "model_path": str(layout),
            "spacy_model": str(syntax.model_folder()),
            **model,
            **params,
        }
    )


def _accept_position_ids(module: Any) -> None:
    """Let upstream load checkpoints of older transformers, in which positions were a part of the weights."""
    load_state_dict = module.load_state_dict

    def load_without(self: Any, state: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        kept = {name: value for name, value in state.items() if not name.endswith("position_ids")}
        return load_state_dict(self, kept, *args, **kwargs)

    module.load_state_dict = load_without


class Timings:
    """Seconds that a pipeline spends in each stage; what is left is the writing of files."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._seconds: dict[str, float] = {}
        for path, stage in _METHODS:
            *owners, name = path.split(".")
            owner = pipeline
            for part in owners:
                owner = getattr(owner, part, None)
            if owner is not None:
                setattr(owner, name, self._timed(getattr(owner, name), stage))
        self._time_gender()

    def _time_gender(self) -> None:
        """Upstream makes the object that infers gender anew for each text."""
        from booknlp.english.gender_inference_model_1 import GenderEM

        for name, stage in (
            ("__init__", Stage.NAMES),
            ("tag", Stage.NAMES),
            ("update_gender_from_coref", Stage.CHARACTERS),
        ):
            setattr(GenderEM, name, self._timed(getattr(GenderEM, name), stage))

    def _timed(self, method: Callable[..., Any], stage: Stage) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.monotonic()
            try:
                return method(*args, **kwargs)
            finally:
                self._seconds[stage] = self._seconds.get(stage, 0.0) + time.monotonic() - started

        return timed

    def of(self, text: str, out: str, name: str) -> dict[str, float]:
        """Process a text; return its seconds by stage, `files` for the rest and `total` for all."""
        self._seconds.clear()
        started = time.monotonic()
        self._pipeline.process(text, out, name)
        total = time.monotonic() - started
        return {**self._seconds, "files": total - sum(self._seconds.values()), "total": total}


if __name__ == "__main__":
    main()
