"""The counter over HTTPS: EST, the JSON API, the CRL."""
