"""Other ways to do the same work, to stand beside the hub in one run."""
