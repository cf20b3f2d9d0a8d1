"""Browsers as distributions ship them, driven by the commands of W3C WebDriver.

Playwright drives no Firefox and no WebKit of theirs, and its Chromium freezes no page.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.servers import HOST, eventually, free_port

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 12.1: the name of a reference to an element
START = 150  # seconds until a browser has opened its first page, on a busy machine
KEYS = {"ArrowDown": "\ue015", "Delete": "\ue017", "Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004"}


class Browser(ABC):
    """One browser with its tabs. Scripts are bodies of functions."""

    version: str  # its first number, or two where the browser counts so

    @abstractmethod
    def command(self, name: str, parameters: dict[str, Any]) -> Any:
        """Sends a command of WebDriver, by its name in Marionette; returns its value."""

    def open(self, url: str) -> None:
        self.command("Navigate", {"url": url})

    def evaluate(self, script: str, *arguments: object) -> Any:
        return self.command("ExecuteScript", {"script": script, "args": list(arguments)})

    def wait(self, condition: str, *arguments: object) -> None:
        """Waits until an expression is true in the page."""
        eventually(condition, lambda: self.evaluate(f"return Boolean({condition})", *arguments) is True)

    def click(self, expression: str) -> None:
        """Presses the mouse in the middle of the element that a JavaScript expression finds."""
        script = f"const {{ x, y, width, height }} = ({expression}).getBoundingClientRect()"
        x, y = self.evaluate(f"{script}; return [x + width / 2, y + height / 2]")
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0, "origin": "viewport"}]
        buttons = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": moves + buttons}
        self.command("PerformActions", {"actions": [mouse]})

    def press(self, key: str) -> None:
        strokes = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        self.command("PerformActions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def new_tab(self) -> str:
        """Opens a tab and goes there; returns its handle."""
        handle = str(self.command("NewWindow", {"type": "tab"})["handle"])
        self.switch(handle)
        return handle

    def switch(self, handle: str) -> None:
        self.command("SwitchToWindow", {"handle": handle})

    def tab(self) -> str:
        """The handle of the tab that commands go to."""
        found = self.command("GetWindowHandle", {})
        return str(found)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.command("TakeScreenshot", {}))


class Firefox(Browser):
    """Firefox by its own protocol, Marionette: WebDriver's commands as length-prefixed JSON over TCP."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._commands = 0
        self._receive()  # its greeting
        self.version = _version(self.command("NewSession", {}))

    def command(self, name: str, parameters: dict[str, Any]) -> Any:
        self._commands += 1
        message = json.dumps([0, self._commands, f"WebDriver:{name}", parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._receive()
        assert error is None, f"{name}: {error}"
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def _receive(self) -> Any:
        length = b""
        while (byte := self._file.read(1)) != b":":
            assert byte, "Firefox has ended"
            length += byte
        return json.loads(self._file.read(int(length)))

    @classmethod
    @contextmanager
    def started(cls, directory: Path, **preferences: object) -> Iterator[Self]:
        """A Firefox without a screen, whose profile has these preferences."""
        port = free_port()
        profile = directory / "firefox"
        profile.mkdir()
        settings = {"marionette.port": port, "datareporting.policy.dataSubmissionEnabled": False, **preferences}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (profile / "user.js").write_text("\n".join(lines))
        arguments = ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
        with _running(arguments, directory / "firefox.log", HOME=str(directory)), _connected(port) as connection:
            yield cls(connection)


class WebDriver(Browser):
    """A browser behind an HTTP driver."""

    _PATHS = {  # noqa: RUF012 (constant)
        "Navigate": ("POST", "url"),
        "ExecuteScript": ("POST", "execute/sync"),
        "PerformActions": ("POST", "actions"),
        "NewWindow": ("POST", "window/new"),
        "SwitchToWindow": ("POST", "window"),
        "GetWindowHandle": ("GET", "window"),
        "TakeScreenshot": ("GET", "screenshot"),
        "Back": ("POST", "back"),
        "ExecuteCdp": ("POST", "goog/cdp/execute"),
    }

    def __init__(self, port: int, capabilities: dict[str, Any]) -> None:
        self._base = f"http://{HOST}:{port}/session"
        session = self._request("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self._base += f"/{session['sessionId']}"
        self.version = _version(session)

    def command(self, name: str, parameters: dict[str, Any]) -> Any:
        method, path = self._PATHS[name]
        return self._request(method, f"/{path}", parameters)

    def _request(self, method: str, path: str, body: object) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self._base + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=START) as response:
            return json.load(response)["value"]

    def close(self) -> None:
        self._request("DELETE", "", None)

    @classmethod
    @contextmanager
    def _driven(cls, driver: str, directory: Path, capabilities: dict[str, Any], **settings: str) -> Iterator[Self]:
        """A browser behind this driver, with the environment's further settings."""
        port = free_port()
        with _running([driver, f"--port={port}"], directory / f"{driver}.log", HOME=str(directory), **settings):
            _connected(port).close()
            browser = cls(port, capabilities)
            try:
                yield browser
            finally:
                browser.close()


class Chromium(WebDriver):
    """Chromium through chromedriver, which starts it as a user would: it may throttle and freeze pages."""

    def freeze(self) -> None:
        """Freezes the tab that commands go to (Page Lifecycle, section 2). It takes no further script."""
        self.command("ExecuteCdp", {"cmd": "Page.setWebLifecycleState", "params": {"state": "frozen"}})

    @classmethod
    @contextmanager
    def started(cls, directory: Path) -> Iterator[Self]:
        """A Chromium without a screen."""
        options = {"binary": "/usr/bin/chromium", "args": ["--headless=new", "--no-sandbox", "--disable-gpu"]}
        with cls._driven("chromedriver", directory, {"goog:chromeOptions": options}) as browser:
            yield browser


class WebKit(WebDriver):
    """WebKitGTK's MiniBrowser through its WebDriver, on a screen of its own."""

    @classmethod
    @contextmanager
    def started(cls, directory: Path) -> Iterator[Self]:
        """A MiniBrowser under Xvfb."""
        screen = f":{os.getpid() % 10_000 + 100}"
        [binary] = list(Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser"))
        options = {"binary": str(binary), "args": ["--automation"]}
        # The machine's own settings, file systems and graphics are left alone.
        settings = {"DISPLAY": screen, "XDG_RUNTIME_DIR": str(directory), "GDK_BACKEND": "x11"}
        settings |= {"WEBKIT_DISABLE_COMPOSITING_MODE": "1", "LIBGL_ALWAYS_SOFTWARE": "1"}
        with (
            _running(["Xvfb", screen, "-screen", "0", "1200x900x24"], directory / "xvfb.log"),
            cls._driven("WebKitWebDriver", directory, {"webkitgtk:browserOptions": options}, **settings) as browser,
        ):
            yield browser


def _version(session: Any) -> str:
    """The version of a new session's browser."""
    major, _, rest = str(session["capabilities"]["browserVersion"]).partition(".")
    return major if len(major) > 1 else f"{major}.{rest.partition('.')[0]}"


@contextmanager
def _running(arguments: list[str], log: Path, **settings: str) -> Iterator[None]:
    """A process that is ended with its children."""
    assert shutil.which(arguments[0]), f"{arguments[0]} is not installed"
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments, stdout=out, stderr=out, env=os.environ | settings, start_new_session=True, process_group=None
        )
        try:
            yield
        finally:
            os.killpg(process.pid, 15)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _connected(port: int, patience: float = 60) -> socket.socket:
    """A connection to a port as soon as something listens there."""
    end = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection((HOST, port), timeout=START)
        except ConnectionRefusedError:
            assert time.monotonic() < end, f"nothing listens on {port}"
            time.sleep(0.1)
