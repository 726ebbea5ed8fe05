"""`voiceprint convert --engine ray` on a cluster of two nodes, which one process of this machine starts."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

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


@pytest.fixture
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


@pytest.mark.timeout(300)
def test_a_cluster_does_the_same(address: str, tmp_path: Path) -> None:
    """Parts that are dealt out to two nodes give what one process gives, to the byte."""
    made = vectors(900)
    source = archive(tmp_path / "archive.parquet", made)
    environment = os.environ | {"RAY_ADDRESS": address, "RAY_USAGE_STATS_ENABLED": "0"}
    for name, words in (("local", ()), ("ray", ("--engine", "ray"))):
        command = [Path(sys.executable).with_name("voiceprint"), "convert", "--rows-per-file", "100", *words]
        done = subprocess.run(
            [*command, source, tmp_path / name],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert "900 rows in, 900 vectors, 0 rejects" in done.stderr
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert np.array_equal(matrix(written(tmp_path / "ray")), made)
