"""Streams that open in the turn of the loop in which their request came.

A shorter way to what `api.stream` and `api.ws` do, for a server that can give its socket away before there is a task, a
response and an ASGI call: most connects are those of a known user. Rule: it opens a stream or does nothing at all. A
request that is refused, or whose answer has to be waited for, is answered in the ordinary way, from the beginning.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tidings.api.context import ApiContext
from tidings.api.cors import Cors, Fields, response_fields
from tidings.api.http import ApiConnection
from tidings.api.stream import stream_of_known
from tidings.api.ws import socket_of_known
from tidings.domain.errors import TidingsError
from tidings.transports.stream import EventStream

OpenKnown = Callable[[ApiConnection, ApiContext], EventStream | None]
STREAMS: Mapping[str, OpenKnown] = {"/v1/stream": stream_of_known, "/v1/ws": socket_of_known}  # by path


class ImmediateStreams:
    """Opens the stream that an HTTP/1.1 GET asks for."""

    def __init__(self, api: ApiContext, cors: Cors) -> None:
        self._api = api
        self._cors = cors

    def open(self, scope: Any) -> tuple[EventStream, Fields] | None:
        """The stream, and the fields of its response; None: ask the application."""
        open_known = STREAMS.get(scope["path"])
        if open_known is None:
            return None
        try:
            fields = self._cors.check(scope)
            stream = open_known(ApiConnection(scope), self._api)
        except TidingsError:
            return None
        if stream is None:
            return None
        stream.use_chunks()
        return stream, response_fields(stream.headers, fields)
