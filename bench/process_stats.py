"""Reads what a server costs from the kernel: CPU time and memory of its processes."""

import os
import time
from collections.abc import Iterator
from pathlib import Path


def family(pid: int) -> Iterator[int]:
    """The process and all its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from family(int(child))


class ProcessStats:
    """Watches one server."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu(self) -> float:
        """Seconds of CPU used so far, by every thread, living or ended."""
        # The CPU clock of another process counts nanoseconds; /proc/<pid>/stat rounds to hundredths of a
        # second. Its clock id is made as in clock_getcpuclockid(3).
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in family(self.pid))

    def memory(self) -> int:
        """Bytes of memory, with what is shared among processes shared out (Pss)."""
        total = 0
        for pid in family(self.pid):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def settle(self, *, most: float = 20.0) -> None:
        """Wait until the server has nothing left to do: under 2 % of a core for half a second."""
        deadline = time.monotonic() + most
        quiet = 0
        while quiet < 2 and time.monotonic() < deadline:
            before = self.cpu()
            time.sleep(0.25)
            quiet = quiet + 1 if self.cpu() - before < 0.005 else 0


def others_busy(seconds: float = 1.0) -> float:
    """The share of the machine that others use while the bench does nothing: 0 is a quiet machine."""

    def read() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return sum(fields[:8]), fields[3] + fields[4]  # all; idle and waiting for the disk

    total, idle = read()
    time.sleep(seconds)
    later, still_idle = read()
    return 1 - (still_idle - idle) / max(1, later - total)


def disk_sync_ms(directory: Path, *, times: int = 50) -> float:
    """Median milliseconds to append 4 KiB and have it on the disk: what one commit can cost at least."""
    path = directory / "sync-probe"
    took = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return sorted(took)[times // 2] * 1000
