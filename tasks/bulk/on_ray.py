"""The parts of a run on a Ray cluster, dealt out by Ray Data."""

import importlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from schemas import arrow
from schemas.errors import ConfigurationError
from tasks.bulk import places
from tasks.bulk.ledger import Record
from tasks.bulk.means import Means
from tasks.bulk.part import work
from tasks.bulk.plan import MANIFEST, Plan
from tasks.bulk.run import Progress, Run


def done(run: Run, means: Means) -> Iterator[Progress]:
    """Does the parts that wait, and tells of each, in whatever order they end.

    The cluster is that of the environment's `RAY_ADDRESS`, or this machine. Raises ConfigurationError where Ray is not
    installed, and for paths that mean nothing to other machines.
    """
    ray, data = _ray("ray"), _ray("ray.data")
    for path in (run.path, *(source.path for source in run.plan.sources)):
        if not places.is_address(path) and not Path(path).is_absolute():
            raise ConfigurationError(f"{path} means something else on every machine: name it from / or by its address")
    waiting = run.waiting()
    if not waiting:
        return
    ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level="error")
    data.DataContext.get_current().enable_progress_bars = False
    items = data.from_items([{"part": part} for part in waiting], override_num_blocks=len(waiting))
    for row in items.map(partial(_done, output=run.path, means=means)).iter_rows():
        record = Record.decode(row["record"])
        yield Progress(int(row["part"]), record.rows, record)


def _done(row: dict[str, Any], *, output: str, means: Means) -> dict[str, Any]:
    """On some machine of the cluster: one part, as a process of `tasks/bulk/local.py` would do it."""
    folder = places.folder(output)
    plan = Plan.decode(folder.read(MANIFEST) or b"")
    arrow.pyarrow().set_cpu_count(1)
    return {"part": row["part"], "record": work(plan, int(row["part"]), folder, means).encode()}


def _ray(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError("--engine ray needs Ray Data: pip install 'voiceprint-appliance[bulk,ray]'") from error
