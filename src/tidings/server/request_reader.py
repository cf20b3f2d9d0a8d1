"""The requests of one connection: parsed within bounds, and given to the application in order."""

from collections import deque
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidings.domain.errors import HeadersTooLarge, InvalidHttp, TidingsError, UriTooLong
from tidings.domain.problems import SECURITY
from tidings.server.refusals import METHODS, check_host, origin_form, refusal_of, unknown_method
from tidings.server.request_cycle import RequestCycle
from tidings.transports.detachable import EXTENSION

MAX_TARGET = 8 * 1024  # bytes
MAX_HEAD = 32 * 1024  # bytes of a request's fields
MAX_FIELDS = 200  # header fields of one request
MAX_PIPELINE = 100  # requests of one connection that wait for earlier ones


async def options_of_server(scope: Any, receive: Any, send: Any) -> None:
    """`OPTIONS *` (RFC 9110, section 9.3.7): what the server as a whole does."""
    allow = (b"allow", b", ".join(sorted(METHODS)))
    await send({"type": "http.response.start", "status": 204, "headers": [allow, *SECURITY]})
    await send({"type": "http.response.body"})


class RequestReader(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, in which nothing that a client sends makes a request grow for ever."""

    cycle: RequestCycle | None  # type: ignore[assignment] # of the request that was read last
    pipeline: deque[tuple[RequestCycle, Any]]  # type: ignore[assignment] # those that wait for earlier ones
    _begun = False  # has a request begun and not ended?
    _in_head = True  # is the end of a request's head still to come?
    _head_size = 0  # bytes of its fields
    _parsed = 0  # parts of requests that were parsed
    _unparsed = 0  # bytes that came since
    _skipped = False  # did the parser pass over a body, because of an upgrade?
    _body_size = 0  # bytes of a body since the last deadline

    def _refuse(self, error: TidingsError) -> None:
        """Refuse what came, after the responses to whole requests before it."""
        raise NotImplementedError

    def end_after_response(self) -> None:
        """End the connection after a response."""
        raise NotImplementedError

    def _parse(self, data: bytes) -> None:
        parsed = self._parsed
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(refusal_of(error, data))
            return
        if self._in_head:
            self._unparsed = self._unparsed + len(data) if self._parsed == parsed else 0
            if self._unparsed > MAX_HEAD:  # one field without an end: the parser keeps it
                self._refuse(HeadersTooLarge(f"the head of this request has more than {MAX_HEAD} bytes"))

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Take no upgrade (RFC 9110, section 7.8): a WebSocket's handshake is answered by its endpoint.

        The parser ends every request that asks for one with its head. If there is a body, the request is parsed again
        without the question: `curl --http2` asks it, and so do clients of other languages by themselves.
        """
        if self._skipped:
            self._skipped = False
            head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
            for name, value in self.headers:
                if name != b"upgrade":
                    head += [name, b": ", value, b"\r\n"]
            self.parser = httptools.HttpRequestParser(self)
            self._parse(b"".join([*head, b"\r\n", rest]))
        elif rest and (b"upgrade", b"websocket") not in self.headers:
            self._parse(rest)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = True
        self.scope["extensions"] = {EXTENSION: {"owner": self}}

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._parsed += 1
        if len(self.url) > MAX_TARGET:
            raise UriTooLong(f"the target of this request has more than {MAX_TARGET} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value = name.lower(), value.rstrip(b" \t")  # no part of the value (RFC 9112, section 5.1)
        self.headers.append((name, value))
        self._parsed += 1
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            raise HeadersTooLarge(f"the head of this request has more than {MAX_HEAD} bytes")
        if len(self.headers) > MAX_FIELDS:
            raise HeadersTooLarge(f"this request has more than {MAX_FIELDS} header fields")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        self._in_head, self._head_size = False, 0
        self._parsed += 1
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":  # to the parser an upgrade, whatever its header fields are
            raise InvalidHttp("CONNECT is for a proxy")
        if method not in METHODS:
            raise unknown_method(method)
        check_host(version, self.headers)
        self.url = origin_form(self.url, self.headers)
        if self.parser.should_upgrade() and any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        ):
            self._skipped = True
            return
        if len(self.pipeline) == MAX_PIPELINE:
            raise InvalidHttp(f"more than {MAX_PIPELINE} requests wait on this connection")
        self._start(method.decode("ascii"), version)

    def _start(self, method: str, version: str) -> None:
        """Call the application with the request whose head was read, now or after those before it."""
        app = self.app
        if self.url == b"*" and method == "OPTIONS":
            self.url, app = b"/", options_of_server
        elif self.limit_concurrency is not None and self.limit_concurrency <= max(
            len(self.connections), len(self.tasks)
        ):
            app = service_unavailable
        url, scope = httptools.parse_url(self.url), self.scope
        path = url.path.decode("ascii")
        scope["method"], scope["http_version"] = method, version
        scope["path"] = self.root_path + (unquote(path) if "%" in path else path)
        scope["raw_path"] = self.root_path.encode("ascii") + url.path
        scope["query_string"] = url.query or b""
        earlier = self.cycle
        later = version != "1.0"  # an HTTP/1.0 client expects neither (RFC 9110, section 10.1.1)
        self.cycle = cycle = RequestCycle(
            self,
            scope,
            keep_alive=later and self.parser.should_keep_alive(),
            expects_100=later and self.expect_100_continue,
            default_headers=self.server_state.default_headers,
        )
        if earlier is None or earlier.response_complete:
            self._start_asgi_task(cycle, app)  # type: ignore[arg-type]
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._begun, self._in_head = False, True
        self._parsed += 1
        cycle = self.cycle
        if not self._skipped and cycle is not None and not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
