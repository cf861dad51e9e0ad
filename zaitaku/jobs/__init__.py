"""Long work: what was asked for, how far it is, and the file it ends with."""
