"""A back end with the standard library alone: what it does, any language can.

Tidings runs beside it on port 8000. This program tells it of likes, with an API key, and gives each user who is logged
in a token, signed with the secret that both know.
"""

import base64
import hashlib
import hmac
import html
import json
import secrets
import time
import urllib.request
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

HERE = Path(__file__).parent
TIDINGS = "http://127.0.0.1:8000"
SECRET = (HERE / "tidings.secret").read_text().strip()
KEY = (HERE / "tidings.key").read_text().strip()
PAGE = (HERE / "page.html").read_text()
LOGIN = '<!doctype html><title>Blog</title><form method="post"><input name="user"> <button>Log in</button></form>'

sessions: dict[str, str] = {}  # of each session cookie: the user


def token(user: str, session: str) -> str:
    """A JSON Web Token (RFC 7519) for an hour, which dies with the session."""

    def encode(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    now = int(time.time())
    claims = {"sub": user, "jti": session, "iat": now, "exp": now + 3600}
    signed = encode(b'{"alg":"HS256","typ":"JWT"}') + "." + encode(json.dumps(claims).encode())
    return f"{signed}.{encode(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))}"


def call(path: str, body: object) -> None:
    """POST to Tidings as a publisher."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(TIDINGS + path, json.dumps(body).encode(), headers)
    urllib.request.urlopen(request, timeout=5).close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        session, user = self.caller()
        if self.path == "/":
            self.answer(200, PAGE.replace("USER", html.escape(user)) if user else LOGIN)
        elif self.path == "/token" and user:
            self.answer(200, token(user, session), type="text/plain")
        else:
            self.answer(401 if self.path == "/token" else 404, "")

    def do_POST(self) -> None:
        session, user = self.caller()
        length = int(self.headers.get("Content-Length", "0"))
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        if self.path == "/" and "user" in form:  # after your own check of a password
            session = secrets.token_urlsafe()
            sessions[session] = form["user"]
            self.answer(303, "", cookie=f"session={session}; HttpOnly; SameSite=Lax; Path=/")
        elif self.path == "/like" and user and "author" in form:
            call(
                "/v1/notifications",
                {"to": {"user": form["author"]}, "type": "like", "title": f"{user} liked your post"},
            )
            self.answer(303, "")
        elif self.path == "/logout":
            if sessions.pop(session, None):
                call("/v1/revocations", {"jti": session})  # ends the streams of other tabs
            self.answer(303, "", cookie="session=; Max-Age=0; Path=/")
        else:
            self.answer(400, "")

    def caller(self) -> tuple[str, str | None]:
        cookie = SimpleCookie(self.headers.get("Cookie")).get("session")
        session = cookie.value if cookie else ""
        return session, sessions.get(session)

    def answer(self, status: int, text: str, *, type: str = "text/html", cookie: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{type}; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("Cache-Control", "no-store")
        if status == 303:
            self.send_header("Location", "/")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
