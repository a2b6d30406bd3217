"""PKCS#11 tokens, behind a worker process a module."""
