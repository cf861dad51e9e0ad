"""Invented lives of the sandbox's people: plausible to look at, true of nobody."""
