"""A Python library receives one user's stream: `receive.py LIBRARY URL` prints each event as a line of JSON.

Steps that a library leaves to its users, to come back or to keep the last id, are done here as they do them.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator

import aiohttp
import aiohttp_sse_client.client
import httpx
import httpx_sse
import requests
import requests_sse
import sseclient

PAUSE = 1  # seconds before a connection that was lost is tried again

Event = tuple[str, str, str]  # id, type, data


def tell(id: str, type: str, data: str) -> None:
    """Print one event."""
    print(json.dumps({"id": id, "type": type, "data": data}), flush=True)


def again(connection: Callable[[str], Iterator[Event]]) -> None:
    """Receive for ever, over one connection after the other. A connection takes the last id."""
    last = ""
    while True:
        try:
            for id, type, data in connection(last):
                tell(id, type, data)
                last = id or last
        except (OSError, requests.RequestException, httpx.TransportError):
            pass
        time.sleep(PAUSE)


def resume(last: str) -> dict[str, str]:
    return {"Last-Event-ID": last} if last else {}


def lines_of_requests(last: str) -> Iterator[Event]:
    """The loop that users of requests write by hand."""
    fields: dict[str, str] = {}
    with requests.get(URL, headers=resume(last), stream=True, timeout=10) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            name, _, value = line.decode().partition(": ")
            if name == "data":
                value = fields["data"] + "\n" + value if "data" in fields else value
            if line:
                fields[name] = value
            elif "data" in fields:
                yield fields.get("id", ""), fields.get("event", "message"), fields["data"]
                fields = {}


def sseclient_py(last: str) -> Iterator[Event]:
    with requests.get(URL, headers=resume(last), stream=True, timeout=10) as response:
        response.raise_for_status()
        for event in sseclient.SSEClient(response).events():  # type: ignore[arg-type]  # as its README does
            yield event.id or "", event.event, event.data


def httpx_sse_(last: str) -> Iterator[Event]:
    """Each event's data is read as JSON: an event without data would raise."""
    with httpx.Client(timeout=10) as client, httpx_sse.connect_sse(client, "GET", URL, headers=resume(last)) as source:
        source.response.raise_for_status()
        for event in source.iter_sse():
            assert event.json() is not None
            yield event.id, event.event, event.data


def requests_sse_() -> None:
    with requests_sse.EventSource(URL, max_connect_retry=100, timeout=10) as source:
        for event in source:
            tell(event.last_event_id, event.type, event.data)


async def aiohttp_sse_client_() -> None:
    last = ""
    while True:
        try:
            async with aiohttp_sse_client.client.EventSource(
                URL, max_connect_retry=0, on_error=lambda: None, headers=resume(last)
            ) as source:
                async for event in source:
                    tell(event.last_event_id, event.type, event.data)
                    last = event.last_event_id or last
        except (OSError, aiohttp.ClientError):
            await asyncio.sleep(PAUSE)


LIBRARIES: dict[str, Callable[[], None]] = {
    "requests": lambda: again(lines_of_requests),
    "sseclient-py": lambda: again(sseclient_py),
    "httpx-sse": lambda: again(httpx_sse_),
    "requests-sse": requests_sse_,
    "aiohttp-sse-client": lambda: asyncio.run(aiohttp_sse_client_()),
}

if __name__ == "__main__":
    library, URL = sys.argv[1:]
    LIBRARIES[library]()
