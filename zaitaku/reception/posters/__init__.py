"""Named posters: marks at the end of a URL, what was printed of them, how often each is used."""
