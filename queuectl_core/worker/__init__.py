"""What the machine does by itself: claim, run, retry, rescue."""
