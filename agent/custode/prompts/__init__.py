"""Who asks the person for a secret: the terminal, a pinentry program, a descriptor or a file."""
