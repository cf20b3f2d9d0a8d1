"""One worker of `tidings serve --workers`: `python -m tidings.cli.worker`, which only the supervisor starts."""

import sys

from tidings.api.about import about
from tidings.cli.log import log_to_stderr
from tidings.configuration import load
from tidings.demo.pages import pages
from tidings.domain.errors import TidingsError
from tidings.server.worker import read_order, run_worker


def main() -> None:
    """Serve until the supervisor or a signal says so."""
    order = read_order()
    settings = load(order.settings, {})
    log_to_stderr(settings.log_level, user_key=order.log_key.encode() or None)
    try:
        run_worker(settings, order, pages=pages if settings.mode == "dev" else about)
    except TidingsError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
