"""From the command line to a running bridge, and its place on the desktop."""
