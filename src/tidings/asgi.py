"""The application for any ASGI server, set up by the `TIDINGS_*` of its environment. One process, one worker.

    uvicorn --factory tidings.asgi:app --timeout-graceful-shutdown 1
    hypercorn --graceful-timeout 1 'tidings.asgi:app()'
    granian --interface asgi --factory --workers-kill-timeout 1 tidings.asgi:app

Such a server waits for open streams when it stops, and says `goaway` to none: the time-outs end that.
It keeps its sockets, so streams are sent in the ordinary ASGI way: equally correct, and slower than
under `tidings serve`. TIDINGS_MODE=dev takes the user's id without proof: let that server listen on this
machine only.
"""

from tidings.app import Tidings, create_app
from tidings.configuration import load


def app() -> Tidings:
    """The application. Raises `InvalidSettings`."""
    return create_app(load({}))
