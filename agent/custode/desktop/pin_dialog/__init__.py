"""Our own PIN dialog: a pinentry program (Assuan protocol) with a Qt window."""
