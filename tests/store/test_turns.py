"""Turns of processes that write: one at a time, and none is kept by a process that died."""

import subprocess
import sys
import threading
from pathlib import Path

from tests.servers import PATIENCE
from tidings.store.sqlite.turns import Turns

HOLD = """
import sys, time
from pathlib import Path
from tidings.store.sqlite.turns import Turns
with Turns(Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(600)
"""


def test_turn_of_a_killed_process_goes_to_the_one_that_waits(tmp_path: Path) -> None:
    file = tmp_path / "writing"
    turns = Turns(file)
    came = threading.Event()

    def wait() -> None:
        with turns:
            came.set()

    with subprocess.Popen([sys.executable, "-c", HOLD, file], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mine\n"
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not came.wait(0.2)
        holder.kill()
        assert came.wait(PATIENCE)
        waiting.join()
    turns.close()
