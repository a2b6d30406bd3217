"""Who stands at the counter: accounts, passwords, API keys."""
