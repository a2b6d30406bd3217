"""`custode demo`: the whole life of a certificate, told on real parts."""
