"""Calls that are refused for who makes them are told to the audit log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.audited import refused
from appliance.grpc_face.around import Context
from appliance.grpc_face.callers import visitor
from schemas.errors import Refusal
from tasks.audit import Audit


class Audited:
    """Around the calls of one server."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    @asynccontextmanager
    async def told(self, _: str, context: Context) -> AsyncIterator[None]:
        try:
            yield
        except Refusal as refusal:
            if event := refused("grpc", visitor(context), refusal):
                self._audit.note(event, repeated=True)
            raise
