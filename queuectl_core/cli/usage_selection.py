"""The options that select jobs, the same in every verb that takes them."""

from __future__ import annotations

OPTIONS_WITHOUT_STATE = """\
  --queue Q            of this queue
  --tag T              with this tag
  --schedule NAME      made by this schedule
  --older-than SPAN    ended, or added and not ended, longer ago than that: 90, 10m, 2h, 7d
  --grep TEXT          with this in the command, the id or the error; A is a\
"""
OPTIONS = f"""\
  --state STATE        pending, processing, completed, failed, dead, cancelled; several: a,b
{OPTIONS_WITHOUT_STATE}\
"""
MOMENTS = """\
  --since TIME         added then or later: a time, or a span ago (2h); help times
  --until TIME         added before then\
"""
