"""Receives a user's events with the standard library alone, across restarts of the server and of this program."""

import http.client
import json
import os
import random
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

URL = urlsplit(os.environ["TIDINGS_URL"])
TOKEN = os.environ.get("TIDINGS_TOKEN", "")
CURSOR = Path("cursor.txt")
HEARTBEAT = 20  # seconds, the server's


def handle(type: str, data: dict) -> None:
    print(type, json.dumps(data), flush=True)


def receive() -> float:
    """Read one stream to its end. Returns the seconds to wait before the next."""
    wait = 1.0
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {TOKEN}"}
    if CURSOR.exists():
        headers["Last-Event-ID"] = CURSOR.read_text()
    connection = http.client.HTTPConnection(URL.netloc, timeout=2.5 * HEARTBEAT)
    try:
        connection.request("GET", f"{URL.path}/v1/stream", headers=headers)
        response = connection.getresponse()
        if response.status in (204, 400, 401, 403):
            sys.exit(f"{response.status} {response.read().decode()}")
        event = {"event": "message", "id": "", "data": ""}
        while response.status == 200 and (line := response.readline()):
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if name == "retry":
                wait = int(value) / 1000
            elif name:
                event[name] = value
            elif line.strip() == b"" and event["data"]:
                data = json.loads(event["data"])
                handle(event["event"], data)
                if event["event"] == "goaway":
                    wait = data["retry"] / 1000
                if event["id"]:
                    CURSOR.write_text(event["id"])  # dealt with
                event = {"event": "message", "id": "", "data": ""}
    finally:
        connection.close()
    return wait


if __name__ == "__main__":
    while True:
        wait = 1.0
        try:
            wait = receive()
        except (OSError, http.client.HTTPException) as error:
            print("lost:", error, file=sys.stderr)
        time.sleep(wait * random.uniform(1, 1.5))
