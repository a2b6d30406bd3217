"""The counter over HTTPS: EST and the JSON API; CRL and OCSP over plain HTTP."""
