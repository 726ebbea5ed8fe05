"""Nothing here turns bytes into code: what Redis, a file or a client holds is data and stays data."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVED = ("schemas", "onnx_models", "tasks", "appliance")
SOURCES = sorted(path for package in (*SERVED, "benchmarks", "clients") for path in (ROOT / package).rglob("*.py"))
# It reads the weights of one published model, whose hash is pinned, at its installation and nowhere else, and knows
# the three names that such a file may ask for.
WEIGHT_READER = ROOT / "onnx_models/install/torch_weights.py"

_MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "jsonpickle",
    "pickletools",
}
# Their pipes and queues carry pickles: whoever took over one of two processes would have the other.
_PIPES = {"multiprocessing", "concurrent.futures.process", "xmlrpc"}
_BUILTINS = {"eval", "exec", "compile", "__import__"}
# Module, as it is called by, and function.
_LOADERS = {(name, "load") for name in ("torch", "yaml", "onnx.hub")} | {
    ("yaml", name) for name in ("load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all")
}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _unsafe_calls(tree: ast.AST) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        module, _, function = name.rpartition(".")
        allowed = [word.value for word in call.keywords if word.arg == "allow_pickle"]
        off = [isinstance(value, ast.Constant) and value.value is False for value in allowed]
        reads_arrays = (module in {"np", "numpy"} and function == "load") or function == "read_array"
        if name in _BUILTINS or (module, function) in _LOADERS or not all(off) or (reads_arrays and not off):
            yield f"line {call.lineno}: {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unpickles_or_evaluates(path: Path) -> None:
    """No module that reads pickles is imported, no array is loaded that might hold one, no text is run as a program."""
    tree = ast.parse(path.read_text())
    imported = set(_imports(tree))
    tops = {name.partition(".")[0] for name in imported}
    assert not tops & (_MODULES - ({"pickle"} if path == WEIGHT_READER else set()))
    assert list(_unsafe_calls(tree)) == []
    if path.relative_to(ROOT).parts[0] in SERVED:
        assert not (tops | imported) & _PIPES


@pytest.mark.parametrize(
    "code",
    [
        "np.load(file)",
        "numpy.load(file, allow_pickle=True)",
        "np.savez(file, allow_pickle=flag)",
        "npy.read_array(file)",
        "torch.load(file)",
        "yaml.load(text, Loader)",
        "eval(text)",
        "exec(text)",
        "compile(text, 'a', 'exec')",
    ],
)
def test_the_look_finds_what_it_looks_for(code: str) -> None:
    """Each of these would be found."""
    assert list(_unsafe_calls(ast.parse(code)))


@pytest.mark.parametrize(
    "module", ["appliance.app", "appliance.supervisor", "appliance.grpc_face.process", "tasks.worker", "tasks.jobs"]
)
def test_no_process_that_serves_has_the_weight_reader(module: str) -> None:
    """It belongs to the installation of models alone."""
    check = f"import sys, {module}; print('onnx_models.install.torch_weights' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
