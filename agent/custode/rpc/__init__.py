"""How the faces talk to the agent."""
