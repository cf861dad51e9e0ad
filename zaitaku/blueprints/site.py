"""The Flask application that all sites of this product are made of."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, Final

from flask import Request
from werkzeug.routing import MapAdapter
from werkzeug.sansio.utils import get_host

from zaitaku.blueprints.characters import StrictFlask
from zaitaku.blueprints.templates import Templates

Server = tuple[str, int | None] | None
"""Where the server listens: WSGI's ``SERVER_NAME`` and ``SERVER_PORT``."""
_HOSTS: Final = 16
"""Names of the host that are remembered as good: a site has one or two."""


class Site(StrictFlask):
    """Compiles templates by language, and does once what Flask does for each request.

    None of its functions is asynchronous, it has no subdomains and speaks no WebSockets.
    """

    jinja_environment = Templates

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``: Flask looks at each function of each request to learn what it is."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds and makes addresses; a host that is not ours is looked at once.

        Raises:
            SecurityError: the request is for a host that is not ours (``TRUSTED_HOSTS``).
        """
        if request is None:
            return super().create_url_adapter(None)
        environ = request.environ
        request.trusted_hosts = self.config["TRUSTED_HOSTS"]
        request.host, at = self._known(request.scheme, environ.get("HTTP_HOST"), request.server)
        return MapAdapter(
            self.url_map,
            at.server_name,
            request.root_path,
            at.subdomain,
            at.url_scheme,
            _decoded(environ.get("PATH_INFO") or "/"),
            request.method,
            _decoded(environ.get("QUERY_STRING", "")),
        )

    @cached_property
    def _known(self) -> Callable[[str, str | None, Server], tuple[str, MapAdapter]]:
        return lru_cache(_HOSTS)(self._checked)

    def _checked(self, scheme: str, header: str | None, server: Server) -> tuple[str, MapAdapter]:
        host = get_host(scheme, header, server, self.config["TRUSTED_HOSTS"])
        return host, self.url_map.bind(host, subdomain="", url_scheme=scheme)


def _decoded(text: str) -> str:
    # What servers hand on byte by byte is UTF-8 (PEP 3333, "Unicode Issues").
    return text.encode("latin1").decode(errors="replace")
