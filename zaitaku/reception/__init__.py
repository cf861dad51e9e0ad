"""The way in: each facility's reception URLs, their versions, tokens, QR codes and posters."""
