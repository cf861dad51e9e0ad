"""The Flask application that all sites of this product are made of."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, Final

from flask import Request, Response
from flask.ctx import _AppCtxGlobals
from flask.typing import ResponseReturnValue
from werkzeug.routing import MapAdapter
from werkzeug.sansio.utils import get_host

from zaitaku.blueprints.characters import StrictFlask
from zaitaku.blueprints.edge import the_request
from zaitaku.blueprints.messages import SiteRequest, SiteResponse
from zaitaku.blueprints.templates import Templates

Server = tuple[str, int | None] | None
"""Where the server listens: WSGI's ``SERVER_NAME`` and ``SERVER_PORT``."""
_PAGE: Final = "text/html; charset=utf-8"
_HOSTS: Final = 16
"""Names of the host that are remembered as good: a site has one or two."""


class _Own(_AppCtxGlobals):
    """Flask's ``g``, which keeps what it is given in an object's own way."""

    __setattr__ = object.__setattr__  # type: ignore[assignment]


class Site(StrictFlask):
    """Compiles templates by language, and does once what Flask does for each request.

    None of its functions is asynchronous, it has no subdomains and speaks no WebSockets.
    """

    jinja_environment = Templates
    request_class = SiteRequest
    response_class = SiteResponse
    app_ctx_globals_class = _Own

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``: Flask looks at each function of each request to learn what it is."""
        return func

    def make_response(self, rv: ResponseReturnValue) -> Response:
        """Return what a view has answered as a response; nearly all answer with a page."""
        if isinstance(rv, str | bytes):
            return SiteResponse(rv, content_type=_PAGE)
        return super().make_response(rv)

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Do what all requests want done before them, then what those of the room want."""
        room = the_request().blueprint
        for name in (None,) if room is None else (None, room):
            for prepare in self.before_request_funcs.get(name, ()):
                answer: ResponseReturnValue | None = prepare()  # type: ignore[assignment]
                if answer is not None:
                    return answer
        return None

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds and makes addresses; a host that is not ours is looked at once.

        Raises:
            SecurityError: the request is for a host that is not ours (``TRUSTED_HOSTS``).
        """
        if request is None:
            return None
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
