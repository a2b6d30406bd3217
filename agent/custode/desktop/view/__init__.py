"""What the tray, notifications and windows show, computed from `status`; knows no toolkit."""
