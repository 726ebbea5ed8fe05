"""The first run of a brought graph, in a process of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_models import registry
from onnx_models.brought import proving
from onnx_models.brought.proving import Limits, Proof, Use
from schemas.errors import ConfigurationError
from tests.patience import PATIENCE
from tests.unit.onnx_models import small_graphs

FILTER_BANK = Use("kaldi-fbank80-hamming", {}, 16_000, 3.0, 1.5, 0)
SHORT = Limits(seconds=PATIENCE, processor_seconds=2, memory_bytes=1 << 30)
DIMENSION = 16


def graph(nodes: Sequence[onnx.NodeProto], shape: Sequence[int | str] = ("B", "T", 80), kind: int = 1) -> bytes:
    """A network of `feats` and `embs`, of which `pooled` [B, 80] are the means over time."""
    pooling = helper.make_node("ReduceMean", ["feats"], ["pooled"], axes=[1], keepdims=0)
    made = helper.make_graph(
        [pooling, *nodes],
        "made",
        [helper.make_tensor_value_info("feats", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("embs", kind, None)],
    )
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


def constant(name: str, value: "np.generic | np.ndarray") -> onnx.NodeProto:  # type: ignore[type-arg]
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value)))


def squares() -> onnx.NodeProto:
    """Removing the mean over time leaves nothing of the means themselves; of squares it does."""
    return helper.make_node("Mul", ["feats", "feats"], ["squares"])


def pooled_squares() -> list[onnx.NodeProto]:
    return [squares(), helper.make_node("ReduceMean", ["squares"], ["energies"], axes=[1], keepdims=0)]


def endless() -> bytes:
    """A loop whose condition is never false."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", ["held"], ["kept"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("held", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, None),
        ],
    )
    return graph(
        [constant("start", np.bool_(True)), helper.make_node("Loop", ["", "start", "pooled"], ["embs"], body=body)]
    )


def large(at_run_time: bool) -> bytes:
    """A tensor of 4 TiB, of a size that is a constant or depends on the input."""
    size = np.array([1 << 40], np.int64)
    if not at_run_time:
        return graph([constant("size", size), helper.make_node("ConstantOfShape", ["size"], ["embs"])])
    return graph(
        [
            helper.make_node("Shape", ["feats"], ["shape"]),
            constant("factor", size),
            helper.make_node("Mul", ["shape", "factor"], ["sizes"]),
            helper.make_node("ReduceMax", ["sizes"], ["size"], keepdims=1),
            helper.make_node("ConstantOfShape", ["size"], ["embs"]),
        ]
    )


@pytest.mark.parametrize(
    ("model", "use", "dimension"),
    [
        (small_graphs.wespeaker(), FILTER_BANK, 256),
        (small_graphs.nemo(), Use("nemo-logmel80", {}, 16_000, 3.0, 1.5, 1), 192),
        (small_graphs.waveform(), Use("waveform16k", {}, 16_000, 3.0, 1.5, "embedding"), 192),
    ],
    ids=["filter bank", "nemo", "waveform"],
)
def test_networks_of_every_kind_are_proved(model: onnx.ModelProto, use: Use, dimension: int) -> None:
    """A sound network shows its dimension, and that windows may go through it together."""
    assert proving.prove(model.SerializeToString(), use) == Proof(dimension, batches=True)


def test_the_default_model_is_proved(models_dir: Path) -> None:
    """A real network passes as well."""
    card = registry.speaker_card("ge2e")
    use = Use(card.family, card.family_options, 16_000, card.window_seconds, card.hop_seconds, card.output)
    assert proving.prove((models_dir / "ge2e.onnx").read_bytes(), use) == Proof(256, batches=True)


def test_one_window_at_a_time() -> None:
    """A graph of a fixed batch, and one whose vectors depend on what else is in the batch, are told from the others."""
    fixed = graph([*pooled_squares(), helper.make_node("Identity", ["energies"], ["embs"])], (1, "T", 80))
    assert proving.prove(fixed, FILTER_BANK) == Proof(80, batches=False)
    centred = [
        *pooled_squares(),
        helper.make_node("ReduceMean", ["energies"], ["common"], axes=[0, 1]),
        helper.make_node("Sub", ["energies", "common"], ["embs"]),
    ]
    assert proving.prove(graph(centred), FILTER_BANK) == Proof(80, batches=False)


FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "other rank": (
        lambda: graph([helper.make_node("Identity", ["feats"], ["embs"])]),
        r"has the shape .*expected \(1, dimension\)",
    ),
    "not float32": (
        lambda: graph([helper.make_node("Cast", ["pooled"], ["embs"], to=TensorProto.DOUBLE)], kind=TensorProto.DOUBLE),
        "is not float32",
    ),
    "not finite": (
        lambda: graph(
            [
                *pooled_squares(),
                constant("nothing", np.float32(0)),
                helper.make_node("Div", ["energies", "nothing"], ["embs"]),
            ]
        ),
        "are not finite",
    ),
    "zeros": (
        lambda: graph([constant("nothing", np.float32(0)), helper.make_node("Mul", ["pooled", "nothing"], ["embs"])]),
        "zeros only",
    ),
    "always the same": (
        lambda: graph(
            [
                constant("nothing", np.float32(0)),
                constant("ramp", np.arange(80, dtype=np.float32)),
                helper.make_node("Mul", ["pooled", "nothing"], ["zeros"]),
                helper.make_node("Add", ["zeros", "ramp"], ["embs"]),
            ]
        ),
        "gives different recordings the same vector",
    ),
    "another every time": (
        lambda: graph([helper.make_node("RandomNormalLike", ["pooled"], ["embs"])]),
        "gives another vector every time",
    ),
    "one length": (
        lambda: graph([*pooled_squares(), helper.make_node("Identity", ["energies"], ["embs"])], ("B", 300, 80)),
        "takes only windows of one length",
    ),
    "other bands": (lambda: graph([helper.make_node("Identity", ["pooled"], ["embs"])], ("B", "T", 64)), "80"),
    "unknown operator": (lambda: graph([helper.make_node("Unheard", ["pooled"], ["embs"])]), "could not be loaded"),
    "no graph": (lambda: b"no graph", "could not be loaded"),
    "constant of 4 TiB": (lambda: large(at_run_time=False), "memory|could not be"),
    "4 TiB at run time": (lambda: large(at_run_time=True), "memory|could not be"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_refused(kind: str) -> None:
    """What does not load, or makes no voiceprints, is refused with what it did."""
    make, fault = FAULTS[kind]
    with pytest.raises(ConfigurationError, match=fault):
        proving.prove(make(), FILTER_BANK, SHORT)


def test_two_inputs_for_a_front_end_of_one() -> None:
    """A front end that does not give what the network takes is named."""
    with pytest.raises(ConfigurationError, match="2 inputs, and front end 'kaldi-fbank80-hamming' gives 1"):
        proving.prove(small_graphs.nemo().SerializeToString(), FILTER_BANK)


def test_an_output_that_is_not_there() -> None:
    """The number of an output that the network does not have is refused."""
    with pytest.raises(ConfigurationError, match="1 outputs, and none at 3"):
        proving.prove(small_graphs.wespeaker().SerializeToString(), Use("waveform16k", {}, 16_000, 3.0, 1.5, 3))


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        (Limits(seconds=3), "was stopped after 3 seconds"),
        (Limits(seconds=PATIENCE, processor_seconds=2), "used up its 2 seconds of processor time"),
    ],
    ids=["time", "processor time"],
)
def test_what_never_ends_is_ended(limits: Limits, fault: str) -> None:
    """An endless loop ends with the time or the processor time that it may have, and leaves no process."""
    before = children()
    with pytest.raises(ConfigurationError, match=fault):
        proving.prove(endless(), FILTER_BANK, limits)
    assert children() == before


def children() -> set[str]:
    """The processes that this one has started, ended ones that nobody waited for included."""
    threads = Path("/proc/self/task").iterdir()
    return {child for thread in threads for child in (thread / "children").read_text().split()}


def test_parsing_takes_no_more_memory_than_allowed() -> None:
    """Ten megabytes that would unfold to a gigabyte of empty nodes are refused in the child."""
    nodes = b"\x0a\x00" * 5_000_000
    content = b"\x3a" + bytes([0x80 | len(nodes) & 0x7F, 0x80 | len(nodes) >> 7 & 0x7F, 0x80 | len(nodes) >> 14 & 0x7F])
    content += bytes([len(nodes) >> 21]) + nodes
    with pytest.raises(ConfigurationError, match="memory"):
        proving.inspect(content, Limits(memory_bytes=300 << 20, memory_per_byte=1))


CHILDREN = {
    "says nothing": ("", "answered nonsense"),
    "says no JSON": ("print('hello')", "answered nonsense"),
    "says something else": ("print('[]')", "answered nonsense"),
    "says other fields": ('print(\'{"dimension": "many", "batches": 1}\')', "answered nonsense"),
    "crashes": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with SIGSEGV"),
    "ends": ("raise SystemExit(7)", "ended with exit code 7"),
    "talks for ever": ("while True: print('x' * 1000)", "was stopped after 2 seconds"),
    "colours its fault": (r"import json; print(json.dumps({'fault': '\x1b[31m' + 'x' * 5000}))", r"^ \[31mx{595}$"),
}


@pytest.mark.parametrize("kind", CHILDREN)
def test_the_child_is_not_trusted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a child that was taken over answers, it is one refusal, short and plain."""
    program, fault = CHILDREN[kind]
    monkeypatch.setattr(proving, "_PROGRAM", program.replace("{", "{{").replace("}", "}}"))
    with pytest.raises(ConfigurationError, match=fault):
        proving.prove(bytes(1 << 20), FILTER_BANK, Limits(seconds=2))


def test_what_a_child_may_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It knows no settings, and once it is ready it neither opens, writes nor starts anything."""
    monkeypatch.setenv("VOICEPRINT_SECRET", "hidden")
    program = f"""
import json, os, socket, subprocess, sys
sys.path.append({{packages!r}})
from onnx_models.brought import proving_child
proving_child._confine(1 << 30, 10)
proving_child._seal()
done = {{{{"environment": "VOICEPRINT_SECRET" in os.environ}}}}
for name, act in {{{{
    "read": lambda: open("/etc/passwd"),
    "write": lambda: open({str(tmp_path / "left")!r}, "w"),
    "connect": lambda: socket.socket(),
    "start": lambda: subprocess.run(["/bin/true"]),
}}}}.items():
    try:
        act()
        done[name] = True
    except OSError:
        done[name] = False
print(json.dumps({{{{"fault": str([name for name, able in done.items() if able])}}}}))
"""
    monkeypatch.setattr(proving, "_PROGRAM", program)
    with pytest.raises(ConfigurationError, match=r"^\[\]$"):
        proving.prove(b"", FILTER_BANK, SHORT)
    assert not list(tmp_path.iterdir())
