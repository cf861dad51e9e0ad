"""A browser of sorts, over real HTTP."""

import re
from urllib.parse import urljoin

import urllib3


class Visitor:
    """Fetches pages of one bridge and posts their forms; follows nothing by itself."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._pool = urllib3.PoolManager(retries=False)

    def get(self, url: str) -> urllib3.BaseHTTPResponse:
        """Fetch an address."""
        return self._pool.request("GET", urljoin(self._address, url), redirect=False)

    def page(self, url: str) -> str:
        """Fetch a page."""
        return self.get(url).data.decode()

    def post(self, url: str, **fields: str) -> urllib3.BaseHTTPResponse:
        """Post a form."""
        return self._pool.request(
            "POST",
            urljoin(self._address, url),
            fields=fields,
            encode_multipart=False,
            redirect=False,
        )


def hidden(page: str) -> dict[str, str]:
    """Return all hidden fields of a page by name."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))


def name_of(page: str) -> str:
    """Return which page it is."""
    found = re.search(r'<main data-page="([^"]+)">', page)
    assert found is not None, page[:500]
    return found[1]
