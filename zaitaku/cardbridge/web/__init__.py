"""The bridge's own pages, for its own machine alone."""
