"""Work in bulk with `--engine ray` on a cluster of two nodes, which one process of this machine starts."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import RECORDINGS
from tests.integration.test_bulk import archive, contents, matrix, vectors, written

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None or importlib.util.find_spec("pandas") is None,
    reason="Ray Data is not installed: pip install 'voiceprint-appliance[ray]'",
)

_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
node = {"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=node)
cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a cluster of two nodes with a core each."""
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readlines(1)[-1].strip()
        process.communicate(timeout=60)


def both(address: str, folder: Path, *words: str | Path) -> str:
    """Runs the command on this machine and on the cluster, to the same bytes; what is said at its end."""
    environment = os.environ | {"RAY_ADDRESS": address, "RAY_USAGE_STATS_ENABLED": "0"}
    for name, engine in (("local", ()), ("ray", ("--engine", "ray"))):
        done = subprocess.run(
            [Path(sys.executable).with_name("voiceprint"), *words, folder / name, *engine],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
    assert contents(folder / "ray") == contents(folder / "local")
    return done.stderr


@pytest.mark.timeout(300)
def test_a_cluster_converts_the_same(address: str, tmp_path: Path) -> None:
    """Parts that are dealt out to two nodes give what one process gives, to the byte."""
    made = vectors(900)
    source = archive(tmp_path / "archive.parquet", made)
    said = both(address, tmp_path, "convert", "--rows-per-file", "100", source)
    assert "900 rows in, 900 vectors, 0 rejects" in said
    assert np.array_equal(matrix(written(tmp_path / "ray")), made)


@pytest.mark.timeout(300)
def test_a_cluster_extracts_the_same(
    address: str, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of recordings, which each node listens to by itself."""
    monkeypatch.setenv("VOICEPRINT_MODELS_DIR", str(models_dir))
    (tmp_path / "in").mkdir()
    for name in ("call.flac", "demo.flac", "answer.flac"):
        (tmp_path / "in" / name).symlink_to(RECORDINGS / name)
    said = both(address, tmp_path, "extract", "--rows-per-file", "1", "--created", "2026-01-01", tmp_path / "in")
    assert "3 recordings in, 4 channels, 4 vectors, 0 rejects" in said
