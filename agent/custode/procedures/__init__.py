"""What a person starts: one file a procedure, each an `async def` on the daemon's loop."""
