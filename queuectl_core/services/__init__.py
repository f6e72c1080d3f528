"""What people ask for: text in, records out. The command line and the web share it."""
