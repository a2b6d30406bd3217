"""The procedures at the counter: request, list, status, report, cancel."""
