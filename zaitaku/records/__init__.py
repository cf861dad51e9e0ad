"""What a facility sees: its consented patients, searched, paged and exported."""
