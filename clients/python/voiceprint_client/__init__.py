"""A client of the open voiceprint appliance.

    from voiceprint_client import Client

    with Client("http://127.0.0.1:8000") as client:
        print(client.extract("call.wav").channels[0].vector_voiceprint)

`Client` blocks, `AsyncClient` is for asyncio, and both have the same methods. `ask` makes requests for those who submit
tasks themselves or have many; `results` and `system` are what comes back, `errors` what may go wrong.
"""

from voiceprint_client import ask, errors, results, system
from voiceprint_client.client import AsyncClient, Client
from voiceprint_client.errors import ClientError
from voiceprint_client.many import Outcome
from voiceprint_client.technology import Request, Task, Technology
from voiceprint_client.trust import tls

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Outcome",
    "Request",
    "Task",
    "Technology",
    "ask",
    "errors",
    "results",
    "system",
    "tls",
]
