"""Which scopes a request of the REST interface needs."""

from appliance.access.api_key import Scope

_TECHNOLOGIES, _TASKS, _SYSTEM, _METRICS = "/api/technology/", "/api/tasks", "/api/system/", "/metrics"
_OF_METHOD = {"POST": Scope.SUBMIT, "GET": Scope.READ, "HEAD": Scope.READ, "DELETE": Scope.ERASE}


def needs(method: str, path: str) -> tuple[Scope, ...]:
    """What a key must allow. Where there is nothing, or nothing of that method, any key learns so."""
    if path.startswith(_SYSTEM) or path == _METRICS:
        return (Scope.SYSTEM,)
    if path == _TASKS:
        return (Scope.READ,)
    if path.startswith(_TECHNOLOGIES) and method in _OF_METHOD:
        return (_OF_METHOD[method],)
    return ()
