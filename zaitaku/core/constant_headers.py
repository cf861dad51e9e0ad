"""Headers of every answer that hang on nothing in it (OWASP ASVS 5.0 §3.4)."""

from typing import Final

_ALWAYS: Final = (
    # No view says any of these, so nothing is looked for before they are added.
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Flask-WTF compares the referrer of posts over TLS; other origins never see one.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS: Final = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")


def always(*, is_tls: bool) -> list[tuple[str, str]]:
    """Return them."""
    return [*_ALWAYS, _HSTS] if is_tls else [*_ALWAYS]
