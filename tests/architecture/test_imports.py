"""Imports run one way, the HTTP process stays light, the environment is read in one place."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDER = ["schemas", "onnx_models", "tasks", "appliance"]
SOURCES = sorted(path for package in ORDER for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    """A package imports only itself and those before it in the order."""
    own = ORDER.index(path.relative_to(ROOT).parts[0])
    assert {name.partition(".")[0] for name in imported(path)}.isdisjoint(ORDER[own + 1 :])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_file_reads_the_environment(path: Path) -> None:
    """Nobody but the settings looks at os.environ."""
    reads = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    if path != ROOT / "appliance/settings.py":
        assert reads.isdisjoint({"environ", "getenv", "environb"})


@pytest.mark.parametrize(
    ("module", "seam"),
    [
        ("arq", {"tasks/dispatch.py", "tasks/queue.py"}),
        ("opentelemetry", {"tasks/spans.py"}),
        ("prometheus_client", {"appliance/metrics/exposition.py"}),
        # Networks run in the one; the tools that make networks of 8 and 16 bits are of the runtime's own package.
        (
            "onnxruntime",
            {"onnx_models/session.py", "onnx_models/brought/quantize.py", "onnx_models/brought/halve.py"},
        ),
    ],
)
def test_a_dependency_stays_behind_its_seam(module: str, seam: set[str]) -> None:
    """Whoever replaces it finds it in these files and no others."""
    users = {
        str(path.relative_to(ROOT)) for path in SOURCES if module in {name.partition(".")[0] for name in imported(path)}
    }
    assert users <= seam
    assert users


@pytest.mark.parametrize(
    "module", ["appliance.app", "appliance.cli", "appliance.supervisor", "appliance.grpc_face.process"]
)
def test_the_faces_are_light(module: str) -> None:
    """Neither the HTTP or gRPC process nor the command line loads a network runtime, a decoder or a graph library at
    import."""
    heavy = "{'onnxruntime', 'onnx', 'soundfile', 'soxr', 'av', 'matplotlib'}"
    check = f"import sys, {module}; print(sorted({heavy} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["appliance.cli", "appliance.supervisor"])
def test_who_only_starts_others_is_lighter_still(module: str) -> None:
    """The command line and the supervisor, which everybody waits for first, load neither numpy nor an HTTP server."""
    check = f"import sys, {module}; print(sorted({{'numpy', 'aiohttp', 'prometheus_client'}} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_services_are_found_without_a_runtime() -> None:
    """Looking for the services of gRPC, which a server does at its start, loads no network runtime."""
    look = "import sys; from appliance.grpc_face.services import services; assert services()"
    check = f"{look}; print('onnxruntime' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("module", ["appliance.app", "appliance.cli", "appliance.supervisor", "appliance.doctor.grpc"])
def test_grpc_is_for_its_own_process(module: str) -> None:
    """Nobody else needs its packages, which are an extra and bring threads, which a process that forks is without."""
    check = f"import sys, {module}; print(sorted({{'grpc', 'phonexia', 'google.protobuf'}} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
