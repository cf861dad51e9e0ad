"""Cards, readers and their keys in software, to rehearse with."""
