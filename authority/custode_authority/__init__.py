"""Authority: the counter side of Custode."""
