"""Runs the web application until it is asked to stop."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from dfer_jax import signals
from dfer_jax.errors import UserError

_PATIENCE = 3  # seconds for answers under way


class _Server(uvicorn.Server):
    """Ends by itself when asked to, instead of raising the request once more."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Turns requests to stop into an orderly end."""
        before = {number: signal.signal(number, self.handle_exit) for number in signals.NUMBERS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(application: Starlette, *, host: str, port: int) -> None:
    """Answers at an address until Ctrl-C or SIGTERM; says where, once it does.

    Args:
        application: of `app.create_app`.
        host: address to answer at.
        port: 0 takes a free one.

    Raises:
        UserError: if that address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        here = socket.create_server((host, port), family=family)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"{host}:{port} cannot be answered at ({why}); choose another --port"
        ) from error
    settings = {"log_level": "critical", "timeout_graceful_shutdown": _PATIENCE}
    with here:
        shown = f"[{host}]" if ":" in host else host
        port = here.getsockname()[1]
        print(f"open http://{shown}:{port} in a browser; Ctrl-C ends it", flush=True)
        _Server(uvicorn.Config(application, **settings)).run(sockets=[here])
