"""Builds and reads `iw.iwk` and the folder around it. Only the job worker imports this."""
