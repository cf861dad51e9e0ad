"""A WSGI application on a free loopback port, for as long as a test needs it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import WSGIApplication


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing."""


class _Server(WSGIServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away."""


@contextmanager
def serving(application: WSGIApplication, *, tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Serve ``application`` and give its address; ``tls`` names a certificate and its key."""
    with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
