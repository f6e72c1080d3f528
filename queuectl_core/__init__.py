"""QueueCTL: a background job queue in one executable.

This module holds the version and nothing else: every cold start imports it.
"""

__version__ = "0.1.0"
