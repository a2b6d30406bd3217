"""What every PKCS#11 stack has to do for Custode: one suite, for our stacks and a vendor's own."""
