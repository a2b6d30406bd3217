"""What agent and authority agree on: states, reasons, messages, signed bytes. All of it pure."""
