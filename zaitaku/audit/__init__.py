"""What a facility's own people did: one chain of entries a facility, never changed."""
