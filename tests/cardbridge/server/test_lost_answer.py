"""A proof whose answer was lost is sent again, to a site that takes one proof for a challenge."""

import json
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.wrappers import Request, Response

from tests.cardbridge.server.fakesite import FakeSite
from tests.cardbridge.server.rig import Opened, Rig, page_name
from zaitaku import wire
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.ids import JourneyId
from zaitaku.identity.service import IdentityService

JOURNEY = JourneyId("journey-1")
RETURN_PATH = "/j/journey-1/card/return"


@dataclass
class RealSite(FakeSite):
    """A site with the real service behind its door, and trouble on the way out of it."""

    identity: IdentityService | None = None
    troubles: list[str] = field(default_factory=list)

    def _take(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        self.proofs.append(body)
        trouble = self.troubles.pop(0) if self.troubles else ""
        answer = self._accept(wire.CardProof.from_mapping(body))
        if trouble == "slow":
            time.sleep(1)
        return Response("{}", 503) if trouble == "down" else answer

    def _accept(self, proof: wire.CardProof) -> Response:
        assert self.identity is not None
        try:
            return Response(json.dumps({"code": self.identity.accept(proof)}))
        except ZaitakuError as error:
            return Response(json.dumps({"error": error.code}), error.status)


@dataclass
class Scene:
    """A reading that a real service asked for."""

    site: RealSite
    identity: IdentityService
    opened: Opened
    rig: Rig

    def send_again(self, page: str) -> str:
        """Press もう一度送る and return the code with which the browser goes back."""
        url = f"{self.opened.path}/send"
        answer = self.rig.post(url, token=page)
        assert answer.status_code == HTTPStatus.SEE_OTHER, page_name(answer)
        return parse_qs(urlsplit(answer.location).query)["code"][0]


@pytest.fixture
def scene(tmp_path: Path) -> "Scene":
    raise NotImplementedError
