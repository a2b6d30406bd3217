"""What people see on the desktop: the PIN dialog, the tray and the windows (Qt)."""
