"""The job worker: a short-lived process for all that needs cryptography or HTTPS."""
