"""A machine that the tests may change nothing on: `sudo` and `systemctl` of the pages, whose service is a process."""

import os
import time
from pathlib import Path
from types import ModuleType

from tests.docs.walkthrough import DOCS, Walkthrough
from tests.servers import SECRET
from tidings.auth.tokens import issue
from tidings.domain.topics import User

EXAMPLES = DOCS.parent / "examples"

SUDO = """#!/bin/sh
[ "$1" = -u ] && shift 2
exec "$@"
"""
SYSTEMCTL = """#!/bin/sh
case $1 in stop | restart)
    kill "$(cat service.pid)"
    while kill -0 "$(cat service.pid)" 2>/dev/null; do sleep 0.05; done ;;
esac
case $1 in enable | start | restart)
    sh -c "$SERVICE" >service.log 2>&1 </dev/null &
    echo $! >service.pid
    until curl --fail --silent --output /dev/null "$READY"; do sleep 0.05; done ;;
esac
"""
NOTHING = "#!/bin/sh\n"


def stubs(folder: Path, **scripts: str) -> Path:
    folder.mkdir()
    for name, text in {"sudo": SUDO, "systemctl": SYSTEMCTL, **scripts}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def as_service(walk: Walkthrough, tmp_path: Path) -> None:
    """Let the pages' `systemctl` run `tidings serve` on the folder's tidings.db."""
    port = walk.ports[8000]
    environ = dict(walk.environ)
    environ |= {"TIDINGS_SECRET": SECRET, "TIDINGS_PORT": str(port), "TIDINGS_URL": walk.url(8000)}
    environ |= {"SERVICE": "exec tidings serve", "READY": f"{walk.url(8000)}/readyz"}
    environ["PATH"] = f"{stubs(tmp_path / 'stubs')}{os.pathsep}{environ['PATH']}"
    walk.environ = environ


def end_service(walk: Walkthrough) -> None:
    walk.run("systemctl stop tidings")


def token(user: str | None, *, publish: bool = False) -> str:
    named = None if user is None else User(user)
    return issue(SECRET, user=named, publish=publish, topics=[], now=int(time.time()), lifetime=600)


def loaded(path: str) -> ModuleType:
    """An example's module, without its folder on the path."""
    module = ModuleType(Path(path).stem)
    exec(compile((EXAMPLES / path).read_text(), path, "exec"), module.__dict__)
    return module
