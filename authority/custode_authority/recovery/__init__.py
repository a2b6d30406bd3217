"""The recovery export of an embedded authority: made under a PIN, kept elsewhere, brought back."""
