"""受診予定: who is expected, and who of them has not consented yet."""
