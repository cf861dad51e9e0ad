"""A card and how it is spoken to: commands, the applet, one session at a time."""
