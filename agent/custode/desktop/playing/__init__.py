"""The window of `custode demo --play`: the tokens on the table, to be plugged in and out."""
