"""The agent's daemon: mailbox, executor, RPC, store, journal, audit. Loads no cryptography."""
