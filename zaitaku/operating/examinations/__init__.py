"""What the doctor looks at, a room for each kind of thing."""
