"""The HTTP edge, by audience: thin routes, forms, presenters."""
