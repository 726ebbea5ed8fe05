"""What `voiceprint doctor` says of the processes that decode recordings: one of them tries to get out."""

from collections.abc import Sequence

from appliance.doctor.finding import Finding
from onnx_models.sandbox import trying
from onnx_models.sandbox.trying import Tried

_CURES = {
    "no-new-privileges": "run a Linux kernel of version 3.5 or newer",
    "landlock": "run a Linux kernel of version 5.13 or newer with `landlock` in its parameter lsm=",
    "limits": "allow the service to set resource limits (setrlimit)",
    "seccomp": "run on x86_64 or aarch64, with a kernel and a container runtime that allow seccomp filters",
}


def sandbox() -> Finding:
    """Which locks hold for the children that decode, and what one got away with. Raises ConfigurationError."""
    return judge(trying.tried())


def judge(tried: Tried) -> Finding:
    """A child that got away with something is worse than one lock less that others make up for, and both are told."""
    held = f"recordings are decoded behind {_listed(tried.locks)}" if tried.locks else "nothing confines decoders"
    if not tried.missing and not tried.succeeded:
        return Finding("ok", f"{held}: no files, network, processes or more memory for a decoder")
    found = held
    if tried.missing:
        found += f", without {_listed(tried.missing)}"
    if tried.succeeded:
        found += f"; a decoder that was taken over could {_listed(tried.succeeded)}"
    return Finding("warn", found, "; ".join(_CURES[name] for name in tried.missing or _CURES))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
