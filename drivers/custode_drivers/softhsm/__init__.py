"""SoftHSM token directories as things that are plugged in and out."""
