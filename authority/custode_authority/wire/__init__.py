"""What agent and authority agree on: states, reasons, messages, signed bytes. Pure: no I/O, no clock."""
