"""The command line: every thing the tray can do. Start at `main`."""
