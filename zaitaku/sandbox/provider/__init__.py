"""A small stand-in for デジタル認証アプリ, so that the demo shows the way by phone without a phone.

It keeps the same rules towards its client as the real one (code flow, PKCE with S256,
``private_key_jwt``, RS256); in place of a card and a PIN it lets people choose who they are. It is
for people who do not exist: a production deployment refuses its http address.
"""
