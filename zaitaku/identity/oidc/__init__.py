"""Reading the card by the patient's own phone, through an OpenID provider.

The protocol is OpenID Connect Core 1.0.

The profile is that of デジタル認証アプリ: code flow alone, PKCE with S256, ``private_key_jwt`` with
RS256, scope ``openid``. The ``nonce`` is the digest of the very statement that a card signs by the
bridge, so the ID token says who agreed to what, as a card's signature does.
"""
