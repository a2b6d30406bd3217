"""The windows: one short-lived process that ends when its last window closes."""
