"""BookNLP's pipeline as a library: text and a model pack in, a typed analysis out.

    engine = Engine.load(Path("gpu_worker/packs/mini"))
    analysis = engine.analyze(text, Options(tasks=frozenset({Task.ENTITY})))

Importing this loads neither torch nor spaCy; `Engine.load` does.
"""

from gpu_worker.engine.analysis import Analysis
from gpu_worker.engine.checkpoints import Checkpoints
from gpu_worker.engine.document import Stage, Task
from gpu_worker.engine.engine import Engine
from gpu_worker.engine.errors import Cancelled, EngineError, PackError, UnreadableText
from gpu_worker.engine.options import Options
from gpu_worker.engine.progress import Progress

__all__ = [
    "Analysis",
    "Cancelled",
    "Checkpoints",
    "Engine",
    "EngineError",
    "Options",
    "PackError",
    "Progress",
    "Stage",
    "Task",
    "UnreadableText",
]
