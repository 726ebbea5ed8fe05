"""`POST /api/technology/<name>`: every technology from its declaration."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from appliance.addresses import base_url
from appliance.bodies import read_document, read_form
from appliance.context import INTAKE, SETTINGS
from appliance.intake import Caller
from schemas import json
from schemas.task import TaskState, TaskView
from schemas.technologies import Technology, joined, parse_parameters, technologies


def routes() -> list[web.RouteDef]:
    return [web.post(f"/api/technology/{name}", _endpoint(declared)) for name, declared in technologies().items()]


def _endpoint(technology: Technology) -> Handler:
    async def submit(request: web.Request) -> web.Response:
        settings, kind = request.app[SETTINGS], technology.parameters
        query = joined(kind, request.query.items())
        models = settings.served_models
        parse_parameters(kind, query, {}, models)  # a wrong query is refused before the body is read
        base = base_url(request, settings)
        caller = Caller(base_url=str(base).rstrip("/"))
        async with request.app[INTAKE].arrival(technology, request.content_length, caller) as arrival:
            seconds = settings.single_file_upload_timeout
            if technology.document is None:
                config = await read_form(request, arrival.write, seconds=seconds)
                arrival.parameters = parse_parameters(kind, query, config, models)
            else:
                await read_document(request, arrival.write, seconds=seconds)
                arrival.parameters = parse_parameters(kind, query, {}, models)
        location = str(base / "api/technology" / technology.name / arrival.task_id)
        return web.Response(
            status=202,
            headers={hdrs.LOCATION: location, "X-Location": location},
            body=json.encode(TaskView(arrival.task_id, TaskState.PENDING).body()),
            content_type="application/json",
        )

    return submit
