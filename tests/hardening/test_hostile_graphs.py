"""Brought graphs, crafted and damaged: taken or refused by name, in bounded time and memory, with nothing left over."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_models.brought import inspection, proving
from onnx_models.brought.proving import Limits, Use
from schemas.errors import ConfigurationError
from tests.patience import PATIENCE, until
from tests.unit.onnx_models import small_graphs
from tests.unit.onnx_models.brought.test_proving import children

USE = Use("kaldi-fbank80-hamming", {}, 16_000, 1.0, 0.5, 0)
LIMITS = Limits(seconds=PATIENCE, processor_seconds=5, memory_bytes=1 << 30)
GRAPHS = {
    "wespeaker": small_graphs.wespeaker(dimension=16, metadata={"framework": "wespeaker", "sample_rate": "16000"}),
    "three_d_speaker": small_graphs.three_d_speaker(dimension=16),
    "nemo": small_graphs.nemo(dimension=16),
    "waveform": small_graphs.waveform(dimension=16),
}
_NUMBERS = (0, 1, -1, 80, 127, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))
_OPERATORS = ("", "Relu", "Loop", "If", "Scan", "Constant", "ConstantOfShape", "Expand", "Range", "Tile", "Gather")


def damaged(content: bytes, random_number: random.Random) -> bytes:
    """Some bytes changed, removed or put in; more often in the structure at the end than in the weights."""
    changed = bytearray(content)
    for _ in range(random_number.randint(1, 6)):
        low = 0 if random_number.random() < 0.3 else max(0, len(changed) - 1500)
        at = random_number.randrange(low, len(changed))
        match random_number.randrange(4):
            case 0:
                changed[at] = random_number.randrange(256)
            case 1:
                del changed[at : at + random_number.choice((1, 4, 40))]
            case 2:
                changed[at:at] = random_number.randbytes(random_number.choice((1, 4, 40)))
            case _:
                changed[at] ^= 1 << random_number.randrange(8)
    return bytes(changed)


def rebuilt(model: onnx.ModelProto, random_number: random.Random) -> bytes:
    """A graph whose wire format is sound and whose content is not."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    for _ in range(random_number.randint(1, 3)):
        node = random_number.choice(graph.node)
        tensor = random_number.choice(graph.initializer)
        match random_number.randrange(9):
            case 0:
                node.op_type = random_number.choice(_OPERATORS)
            case 1:
                del node.input[len(node.input) // 2 :]
            case 2:
                names = [name for other in graph.node for name in (*other.input, *other.output)]
                node.input.append(random_number.choice(names))
            case 3:
                node.domain = random_number.choice(("com.microsoft", "org.example", "ai.onnx.ml", "\0", "é"))
            case 4:
                tensor.dims.append(random_number.choice(_NUMBERS))
            case 5:
                tensor.data_type = random_number.choice((*range(30), 255))
            case 6:
                node.attribute.append(helper.make_attribute("axes", [random_number.choice(_NUMBERS[:7])]))
            case 7:
                graph.node.append(node)
            case _:
                del graph.node[random_number.randrange(len(graph.node))]
                if not graph.node:
                    graph.node.append(node)
    return bytes(changed.SerializeToString())


def mutants(name: str, count: int) -> list[bytes]:
    random_number, model = random.Random(name), GRAPHS[name]  # noqa: S311
    content = bytes(model.SerializeToString())
    return [damaged(content, random_number) if number % 2 else rebuilt(model, random_number) for number in range(count)]


def refusal(act: Callable[[], object]) -> str | None:
    """The words it was refused in, None when it was taken; any other error is the test's failure."""
    try:
        act()
    except ConfigurationError as error:
        return error.message
    return None


@pytest.mark.parametrize("name", GRAPHS)
def test_no_damage_confuses_the_inspection(name: str) -> None:
    """Taken or refused in words, never another error."""
    refusals = [refusal(partial(inspection.inspect, content)) for content in mutants(name, 400)]
    # What all refuse, or all take, would find nothing.
    assert 20 < refusals.count(None) < 380
    assert all(words is None or words.isprintable() for words in refusals)


@pytest.mark.parametrize("name", ["wespeaker", pytest.param("three_d_speaker", marks=pytest.mark.long)])
def test_no_damage_escapes_the_child(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged graphs are run without having been inspected: proved, or refused in words."""
    monkeypatch.chdir(tmp_path)
    before = held()
    refusals = [refusal(partial(proving.prove, content, USE, LIMITS)) for content in mutants(name, 20)]
    assert 0 < refusals.count(None) < 20
    assert all(words is None or (words.isprintable() and len(words) < 1000) for words in refusals)
    nothing_left(tmp_path, before)


def held() -> tuple[int, set[str]]:
    """How many descriptors are open, and the children of this process, dead ones that nobody waited for included."""
    return len(os.listdir("/proc/self/fd")), children()  # noqa: PTH208


def nothing_left(folder: Path, before: tuple[int, set[str]]) -> None:
    assert not list(folder.iterdir())
    assert held() == before


def nested_branches(depth: int) -> bytes:
    """Written by hand: the onnx package refuses to build what is nested so deep."""

    def field(number: int, content: bytes) -> bytes:
        size, head = len(content), bytearray([number << 3 | 2])
        while size > 0x7F:
            head.append(size & 0x7F | 0x80)
            size >>= 7
        return bytes(head) + bytes([size]) + content

    graph = b""
    for _ in range(depth):
        # graph.node[].attribute[].g of an operator If.
        graph = field(1, field(4, b"If") + field(5, field(6, graph)))
    return field(7, graph) + field(8, b"\x10\x11")


def cyclic_functions() -> bytes:
    """Two functions that call each other."""
    model = small_graphs.wespeaker(dimension=16)
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    for name, other in (("A", "B"), ("B", "A")):
        body = [helper.make_node(other, ["x"], ["y"], domain="mine")]
        model.functions.append(helper.make_function("mine", name, ["x"], ["y"], body, opset))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.graph.node.append(helper.make_node("A", ["feats"], ["unused"], domain="mine"))
    return bytes(model.SerializeToString())


def cyclic_nodes() -> bytes:
    model = small_graphs.wespeaker(dimension=16)
    model.graph.node.extend([helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])])
    return bytes(model.SerializeToString())


def reads_files() -> bytes:
    """Weights that lie in a file of the system."""
    model = small_graphs.wespeaker(dimension=16)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../../../../../etc/passwd")
    return bytes(model.SerializeToString())


def doubling(times: int) -> bytes:
    """Every node joins its input to itself: a few kilobytes of graph, an exabyte of numbers."""
    model = small_graphs.wespeaker(dimension=16)
    name = "feats"
    for number in range(times):
        model.graph.node.append(helper.make_node("Concat", [name, name], [f"twice{number}"], axis=1))
        name = f"twice{number}"
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


BOMBS = {
    "branches 30 deep": nested_branches(30),
    "branches 5,000 deep": nested_branches(5_000),
    "functions in a circle": cyclic_functions(),
    "nodes in a circle": cyclic_nodes(),
    "weights in another file": reads_files(),
    "doubling 50 times": doubling(50),
    "a megabyte of zeros": bytes(1 << 20),
    "a name of a megabyte": bytes(
        small_graphs.wespeaker(dimension=16, metadata={"framework": "\x1b]0;" + "x" * (1 << 20)}).SerializeToString()
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the inspection nor the first run take harm, time or memory from what was made to do harm."""
    monkeypatch.chdir(tmp_path)
    before = held()
    refusals = [
        refusal(partial(proving.inspect, BOMBS[name], LIMITS)),
        refusal(partial(proving.prove, BOMBS[name], USE, LIMITS)),
    ]
    found = [words for words in refusals if words is not None]
    assert found
    assert all(words.isprintable() for words in found)
    nothing_left(tmp_path, before)


def test_a_parent_that_is_killed_takes_the_child_along(tmp_path: Path) -> None:
    """Nobody is left to end a graph that never ends, so the kernel does."""
    program = f"""
import subprocess, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from onnx_models.brought import proving
start = subprocess.Popen
def told(*words, **options):
    process = start(*words, **options)
    print(process.pid, flush=True)
    return process
subprocess.Popen = told
from tests.unit.onnx_models.brought.test_proving import FILTER_BANK, endless
proving.prove(endless(), FILTER_BANK)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        # Its end is tied to its parent's before it gets the graph.
        until(lambda: "NoNewPrivs:\t1" in status(child))
        parent.kill()
    until(lambda: not running(child))


def status(process: int) -> str:
    try:
        return Path(f"/proc/{process}/status").read_text()
    except OSError:
        return ""


def running(process: int) -> bool:
    return "State:" in status(process) and "State:\tZ" not in status(process)
