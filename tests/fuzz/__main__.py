"""`python -m tests.fuzz`: an appliance is started, and mutated recordings are sent to it."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from appliance.settings import Settings
from onnx_models import registry
from tests.conftest import Appliance, running
from tests.fuzz import campaign, processes
from tests.fuzz.campaign import Tally
from tests.fuzz.files import Made, make

_TOLD_SECONDS = 5.0
_MEBIBYTE = 1 << 20
# What any one process may have in memory, whatever was sent.
_MOST_MEMORY = 1024 * _MEBIBYTE
# Long enough for every seed, so short that a bomb costs no more than it must.
_MAX_AUDIO_SECONDS = 300
_FOUND = Path("build/fuzz")


def main() -> int:
    """Exit code 0 when nothing was found, 1 when something was, 130 after Ctrl-C."""
    options = _options()
    numbers = [options.only] if options.only is not None else range(options.first, options.first + options.files)
    models_dir = Path(os.environ.get("VOICEPRINT_MODELS_DIR") or registry.default_models_dir())
    with tempfile.TemporaryDirectory(prefix="voiceprint-fuzz-") as folder:
        given = {"http_port": 0, "grpc_port": 0, "data_dir": folder, "models_dir": models_dir}
        own = {"workers": options.workers, "max_audio_length": _MAX_AUDIO_SECONDS}
        with running(Settings.model_validate(given | own)) as appliance:
            files = (make(options.seed, number) for number in numbers)
            try:
                faults = _sent(appliance, files, len(numbers), options.concurrency)
            except KeyboardInterrupt:
                sys.stderr.write("\ninterrupted\n")
                return 130
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    return 1 if faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses the mutations (1)")
    parser.add_argument("--files", type=int, default=20_000, help="how many are sent (20,000)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the number of the first (0)")
    parser.add_argument("--only", type=int, metavar="N", help="send file N of the seed alone, and keep it")
    parser.add_argument("--concurrency", type=int, default=16, help="clients at one time (16)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the appliance (2)")
    options = parser.parse_args()
    if options.only is not None:
        _keep(make(options.seed, options.only))
    return options


def _sent(appliance: Appliance, files: Iterator[Made], count: int, concurrency: int) -> list[str]:
    """Sends `files`; returns what is wrong, each as a line."""
    root = appliance.process.pid
    before, living = processes.sums(processes.processes(root)), processes.kept(root)
    began = told = time.monotonic()

    def tell(tally: Tally) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < _TOLD_SECONDS and tally.files < count:
            return
        told = now
        ends = ", ".join(f"{number} {outcome}" for outcome, number in sorted(tally.outcomes.items()))
        rate = tally.files / (now - began)
        sys.stderr.write(f"{tally.files} of {count}, {rate:.0f}/s: {ends}; {len(tally.faults)} faults\n")

    with processes.watched(root) as watch:
        tally = asyncio.run(campaign.run(appliance.url, files, concurrency=concurrency, told=tell))
    after = processes.sums(processes.processes(root))
    seconds, number = tally.slowest
    sys.stdout.write(f"the slowest was file {number}: {seconds:.2f} s\n")
    for role in sorted(before | watch.peaks):
        figures = (sizes.get(role, 0) // _MEBIBYTE for sizes in (before, watch.peaks, after))
        sys.stdout.write("memory of {}: {} MiB before, {} at most, {} after\n".format(role, *figures))
    found = [
        f"file {fault.made.number} ({fault.made.recipe}) {_keep(fault.made)}: {fault.words}" for fault in tally.faults
    ]
    if watch.largest > _MOST_MEMORY:
        found.append(f"a process had {watch.largest // _MEBIBYTE} MiB in memory")
    return found + list(_aftermath(appliance, living))


def _aftermath(appliance: Appliance, living: set[tuple[int, str]]) -> Iterator[str]:
    """What is wrong with an appliance to which all was sent."""
    with appliance.client() as client:
        try:
            answer = client.get("/ready")
        except httpx.HTTPError as error:
            yield f"/ready is not answered: {error}"
        else:
            if not answer.is_success:
                yield f"/ready is {answer.status_code}: {answer.text}"
    for pid, role in living - processes.kept(appliance.process.pid):
        yield f"process {pid} ({role}) has died"
    for name in ("inputs", "partial"):
        for left in (appliance.data_dir / "store" / name).iterdir():
            yield f"{name}/{left.name} was left in the store"
    log = (appliance.data_dir / "up.log").read_text(errors="replace")
    if (at := log.find("Traceback")) >= 0:
        yield f"the log holds a traceback: …{log[max(0, at - 500) : at + 3000]}"


def _keep(made: Made) -> Path:
    """Writes a file where it can be looked at."""
    _FOUND.mkdir(parents=True, exist_ok=True)
    path = _FOUND / f"{made.number}.bin"
    path.write_bytes(made.content)
    return path


if __name__ == "__main__":
    sys.exit(main())
