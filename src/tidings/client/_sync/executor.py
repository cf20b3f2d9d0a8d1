# Generated from ../_async/executor.py by scripts/generate_sync_client.py: edit that and run this.

"""The executor of a program's commands, over httpx2 and websockets."""

import contextlib
from typing import Protocol, TypeVar

import httpx2

from tidings.client._commands import (
    Close,
    Command,
    GetToken,
    Open,
    Probe,
    Program,
    ProgramRun,
    Read,
    Response,
    Send,
    Sleep,
)
from tidings.client._exceptions import ConnectionLost
from tidings.client._network import (
    FAILURES,
    TOKEN_WITHIN,
    connection_lost,
    response_of,
    set_read_timeout,
    timeouts,
    token_unavailable,
)
from tidings.client._sync.io import (
    ClientOperation,
    Http,
    Lock,
    ReadDeadline,
    TokenSource,
    call_token_source,
    finish_chunks,
)

T = TypeVar("T")


class Channel(Protocol):
    """One open stream."""

    def read(self, within: float) -> bytes: ...
    def probe(self, within: float) -> bool: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class SseChannel:
    """The body of a response that does not end."""

    def __init__(self, response: httpx2.Response, timeout: float | None) -> None:
        """`timeout` is the read time-out that httpx2 keeps itself, in seconds."""
        self._response = response
        self._chunks = response.iter_bytes()
        self._deadline = ReadDeadline(response, timeout)

    def read(self, within: float) -> bytes:
        """Read the next bytes. Raises TimeoutError."""
        with self._deadline(within):
            return next(self._chunks, b"")

    def probe(self, within: float) -> bool:
        """False: nothing can be asked of a stream that goes one way."""
        return False

    def interrupt(self) -> None:
        """End the read of another thread or task."""
        self._deadline.interrupt()

    def close(self) -> None:
        """Close the connection."""
        finish_chunks(self._chunks)
        self._response.close()


class Tokens:
    """The token in use, and the source of another one."""

    def __init__(self, source: TokenSource) -> None:
        self._source, self._lock = source, Lock()
        self._current: str | None = source if isinstance(source, str) else None

    def get(self, instead_of: str | None) -> str | None:
        """The token; fetched if there is none yet, or if it is the one to be replaced. Raises what the source does."""
        if not callable(self._source):
            return self._current
        with self._lock.held(TOKEN_WITHIN):  # many streams may be refused at once: one fetches for all
            if self._current is None or self._current == instead_of:
                self._current = call_token_source(self._source)
            return self._current


class Executor:
    """Executes the commands of one program; holds the one stream that the program may have open."""

    def __init__(self, http: Http, tokens: Tokens, operation: ClientOperation) -> None:
        self._http, self._tokens, self._operation = http, tokens, operation
        self._channel: Channel | None = None

    def execute(self, command: Command) -> object:
        """The result of a command; a failed connection is a result too."""
        try:
            return self._execute(command)
        except FAILURES as error:
            return connection_lost(error)
        except ConnectionLost as error:
            return error

    def _execute(self, command: Command) -> object:
        match command:
            case Read(within):
                return self._open_channel.read(within)
            case Send():
                return self._send(command)
            case Open(how="sse"):
                return self._open_sse(command)
            case Open():
                return self._open_websocket(command)
            case Probe(within):
                return self._open_channel.probe(within)
            case Close():
                self.hang_up()
            case Sleep(seconds):
                self._operation.sleep(seconds)
            case GetToken(instead_of):
                return self._get_token(instead_of)
        return None

    def _get_token(self, instead_of: str | None) -> str | None:
        try:
            return self._tokens.get(instead_of)
        except Exception as error:
            raise token_unavailable(error) from error

    @property
    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise ConnectionLost("the connection is closed")
        return self._channel

    def _send(self, command: Send) -> Response:
        response = self._http_send(self._http_request(command))
        return response_of(response.status_code, response.headers, response.content)

    def _open_sse(self, command: Open) -> Response:
        request = self._http_request(command)
        response = self._http_send(request, stream=True)
        if response.status_code != 200:
            with contextlib.closing(response):
                return response_of(response.status_code, response.headers, response.read())
        head = response_of(response.status_code, response.headers)
        self._hold(SseChannel(response, set_read_timeout(request, head)))
        return head

    def _open_websocket(self, command: Open) -> Response:
        from tidings.client._sync.websocket import open_websocket  # slow to import, and seldom used

        opened = open_websocket(command)
        if isinstance(opened, Response):
            return opened
        self._hold(opened)
        return Response(status=101, headers={})

    def _hold(self, channel: Channel) -> None:
        self._channel = channel
        self._operation.opened(channel.interrupt)

    def _http_send(self, request: httpx2.Request, *, stream: bool = False) -> httpx2.Response:
        try:
            return self._http.shared.send(request, stream=stream)
        finally:
            self._operation.requested(self._http)

    def _http_request(self, command: Send | Open) -> httpx2.Request:
        request = command.request
        return self._http.shared.build_request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            timeout=timeouts(command.within),
            extensions=self._operation.extensions(),
        )

    def hang_up(self) -> None:
        """Close the stream, if one is open."""
        channel, self._channel = self._channel, None
        if channel is not None:
            self._operation.closed()
            with contextlib.suppress(ConnectionLost, *FAILURES):
                channel.close()

    def close(self) -> None:
        """Close the stream, and the connections that are only this program's."""
        self.hang_up()
        self._http.close()


def run_to_end(program: Program[T], executor: Executor) -> T:
    """Run a program to its end, and return its value."""
    run = ProgramRun(program)
    while run.command is not None:
        run.resume(executor.execute(run.command))
    return run.value
