"""The gRPC services: one file each, found here by itself.

A file declares `SERVICE`, a `Service`: its full name, and how it is added to a server. What a method raises as a
Refusal is answered with that refusal's status; methods never call `context.abort` themselves.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import grpc.aio

from appliance.grpc_face.calls import Calls
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `name` in full, as reflection and health know it; `add` adds its servicer to a server."""

    name: str
    add: Callable[[grpc.aio.Server, Calls], None]


@cache
def services() -> Mapping[str, Service]:
    """Every service by its name. Raises ConfigurationError that names a file which declares none."""
    found: dict[str, Service] = {}
    for module in pkgutil.iter_modules(__path__):
        declared = getattr(importlib.import_module(f"{__name__}.{module.name}"), "SERVICE", None)
        if not isinstance(declared, Service):
            raise ConfigurationError(f"appliance/grpc_face/services/{module.name}.py must declare SERVICE, a Service")
        found[declared.name] = declared
    return found
