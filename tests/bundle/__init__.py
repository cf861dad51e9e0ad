"""The bridge as people get it: one file, or a package beside its own dependencies."""
