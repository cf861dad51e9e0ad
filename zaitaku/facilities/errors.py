"""What can go wrong with facilities."""

from http import HTTPStatus

from zaitaku.core.errors import InvalidField, ZaitakuError


class FacilityExists(ZaitakuError):
    """A facility with this 医療機関等コード is already registered."""

    code = "facility-exists"
    status = HTTPStatus.CONFLICT


class UnprintableCharacters(InvalidField):
    """A text has characters that the posters' font cannot print; ``characters`` names them."""

    def __init__(self, field: str, characters: str) -> None:
        super().__init__(field, "unprintable-character")
        self.characters = characters


class NotBegun(ZaitakuError):
    """Its 利用開始日 has not come: only accounts and settings are open (domain.md §2)."""

    code = "facility-not-begun"
    status = HTTPStatus.FORBIDDEN
