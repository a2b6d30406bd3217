"""The icon by the clock: menu, notifications. GTK and pystray are loaded here and nowhere else."""
