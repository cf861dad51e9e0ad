"""What whoever operates a deployment does beside it: copies, restores, examinations."""
