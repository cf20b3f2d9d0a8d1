"""The proxies of docs/how-to/proxies.md, run with the configurations of deploy/ on other ports."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.servers import HOST, eventually, spawn

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# nginx wants these in the file that includes ours, and folders that it may write to.
NGINX = """
daemon off; pid nginx.pid; error_log error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path tmp1; proxy_temp_path tmp2;
  fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
  {config}
}}
"""


def _certificate(folder: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=app.example"]
    subprocess.run([*made, "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


def _nginx(folder: Path, config: str, port: int) -> tuple[list[str], str]:
    _certificate(folder)
    config = config.replace("listen 443", f"listen {HOST}:{port}").replace("/etc/ssl/app.example", str(folder))
    (folder / "nginx.conf").write_text(NGINX.format(config=config))
    return ["nginx", "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"], f"https://{HOST}:{port}"


def _caddy(folder: Path, config: str, port: int) -> tuple[list[str], str]:
    # Without a name that is registered there is no certificate to fetch.
    config = "{\n\tadmin off\n}\n" + config.replace("app.example", f"http://{HOST}:{port}")
    (folder / "Caddyfile").write_text(config)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")], f"http://{HOST}:{port}"


def _haproxy(folder: Path, config: str, port: int) -> tuple[list[str], str]:
    _certificate(folder)
    config = config.replace("bind :443", f"bind {HOST}:{port}").replace("/etc/ssl/app.example", str(folder))
    (folder / "haproxy.cfg").write_text(config)
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], f"https://{HOST}:{port}"


Prepare = Callable[[Path, str, int], tuple[list[str], str]]
PROXIES: dict[str, tuple[str, Prepare]] = {
    "nginx": ("nginx.conf", _nginx),
    "caddy": ("Caddyfile", _caddy),
    "haproxy": ("haproxy.cfg", _haproxy),
}


@contextmanager
def proxied(name: str, folder: Path, *, tidings: int, application: int, port: int) -> Iterator[str]:
    """A proxy in front of the two ports of this machine; its base address."""
    file, prepare = PROXIES[name]
    ports = {"8000": tidings, "8080": application}
    config = re.sub(r"\b(8000|8080)\b", lambda found: str(ports[found[1]]), (DEPLOY / file).read_text())
    argv, url = prepare(folder, config, port)
    program = shutil.which(argv[0], path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program, f"{name} is not installed"
    log = folder / f"{name}.log"
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    process = spawn([program, *argv[1:]], log=log, env=environ, cwd=folder)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx2.get(f"{url}/tidings/readyz", verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        eventually(f"{name} answers", answers)
        yield url
    finally:
        process.terminate()
        process.wait(20)
