"""Which PKCS#11 modules there are, where they lie, which card wants which: data and look-ups."""
