"""The contracts of the drivers: types, events, errors, Protocols. Standard library only."""
