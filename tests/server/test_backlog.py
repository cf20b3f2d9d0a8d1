"""The accept backlog is the one that was set: uvicorn listens again, with its own."""

import subprocess
import sys
from pathlib import Path

from tidings.server.run import BACKLOG

# The kernel tells a listening socket's backlog in TCP_INFO: `tcpi_sacked` is `sk_max_ack_backlog` then (tcp_get_info).
SCRIPT = """
import os, signal, socket, struct, sys
from pathlib import Path
from tidings.server.run import run
from tidings.settings import Settings

def tell(address):
    port = int(address.rpartition(":")[2])
    for fd in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(fd))) as found:
                if found.getsockname()[1:2] == (port,) and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
                    print(struct.unpack_from("=I", info, 28)[0], flush=True)
        except OSError:
            pass
    os.kill(os.getpid(), signal.SIGTERM)

run(Settings(mode="dev", port=0, db=Path(sys.argv[1])), on_ready=tell)
"""


def test_accept_backlog_is_the_one_that_was_set(tmp_path: Path) -> None:
    most = int(Path("/proc/sys/net/core/somaxconn").read_text())
    argv = [sys.executable, "-c", SCRIPT, str(tmp_path / "tidings.db")]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert set(said.stdout.split()) == {str(min(BACKLOG, most))}, said.stderr
