"""What systemd-logind tells of the computer as a whole."""
