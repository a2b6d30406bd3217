"""What Custode knows and decides. Pure: no I/O, no clock, no threads, no logging."""
