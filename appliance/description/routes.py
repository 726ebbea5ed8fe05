"""What the routes answer that are no technology's."""

from dataclasses import dataclass

import pydantic

from appliance.console.assets import ASSETS as CONSOLE
from appliance.description.assets import ASSETS
from appliance.description.system import Alive, Info, ListedTasks, Models, Readiness, Status, Throughput
from schemas.errors import Forbidden, NotFound, Overloaded, Refusal, ValidationError
from schemas.listing import Listing


@dataclass(frozen=True, slots=True)
class Route:
    """A GET. `answers` is what it shows with which status: a model, or a content type that is no JSON.

    `open` says that it needs no key; `cached` that it has an ETag; `file` names the files that are the last part of
    the path, and `query` has the parameters.
    """

    path: str
    name: str
    summary: str
    answers: dict[int, type[pydantic.BaseModel] | tuple[str, ...]]
    refusals: tuple[type[Refusal], ...] = ()
    open: bool = False
    cached: bool = False
    files: tuple[str, ...] = ()
    query: type[pydantic.BaseModel] | None = None


ROUTES = (
    Route("/api/system/info", "info", "Tells the version and what it can do.", {200: Info}),
    Route("/api/system/status", "status", "Tells how busy the appliance is.", {200: Status}, (Overloaded,)),
    Route(
        "/api/system/throughput",
        "throughput",
        "Tells what was done in the last hour, by the minute.",
        {200: Throughput},
        (Overloaded,),
    ),
    Route(
        "/api/tasks",
        "tasks",
        "Lists the caller's own tasks, the newest first.",
        {200: ListedTasks},
        (Overloaded, Forbidden, ValidationError),
        query=Listing,
    ),
    Route("/api/system/models", "models", "Tells which speaker models are served.", {200: Models}, (Overloaded,)),
    Route(
        "/metrics",
        "metrics",
        "Tells Prometheus what all processes have counted, and how it stands.",
        {200: ("text/plain", "application/openmetrics-text")},
    ),
    Route("/health", "health", "Tells that the HTTP process is alive.", {200: Alive}, open=True),
    Route(
        "/ready",
        "ready",
        "Tells whether a task submitted now would be done, and else why not.",
        {200: Readiness, 503: Readiness},
        open=True,
    ),
    Route(
        "/openapi.json",
        "openapi",
        "This description.",
        {200: ("application/json",)},
        open=True,
        cached=True,
    ),
    Route(
        "/docs",
        "docs",
        "This description as a page that needs no other server.",
        {200: ("text/html",)},
        open=True,
        cached=True,
    ),
    Route(
        "/docs/{asset}",
        "asset",
        "What the page at /docs is made of.",
        {200: tuple(dict.fromkeys(asset.content_type for asset in ASSETS.values()))},
        (NotFound,),
        open=True,
        cached=True,
        files=tuple(ASSETS),
    ),
    Route(
        "/",
        "console",
        "The console: what this interface does, in a browser.",
        {200: ("text/html",)},
        open=True,
        cached=True,
    ),
    Route(
        "/console/{asset}",
        "console_asset",
        "What the console is made of.",
        {200: tuple(dict.fromkeys(asset.content_type for asset in CONSOLE.values()))},
        (NotFound,),
        open=True,
        cached=True,
        files=tuple(CONSOLE),
    ),
)
