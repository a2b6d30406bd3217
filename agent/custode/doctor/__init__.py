"""`custode doctor`: what can be wrong, looked at; the composition root of the drivers' checks."""
