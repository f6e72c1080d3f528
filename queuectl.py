"""The `queuectl` command: hand the arguments to the command line and exit with its code.

Also the script that PyInstaller freezes. It must stay this small: every cold start pays for it.
"""

import gc
import os
import sys

# Looking for garbage while modules load costs 1 ms of a cold enqueue; longer commands turn it on.
gc.disable()

from queuectl_core.cli.main import main  # noqa: E402 - see above

if __name__ == "__main__":
    code = main(sys.argv[1:])
    # main has written and closed all; tearing the interpreter down would cost 4 ms more
    os._exit(code)
