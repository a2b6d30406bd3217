"""What starts Custode in a person's session: units, autostart, menu entry, icon; put and taken."""
