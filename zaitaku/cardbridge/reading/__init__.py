"""The state of a running bridge: the reading at the desk and what it remembers."""
