"""One file a revision, numbered; frozen once it was released."""
