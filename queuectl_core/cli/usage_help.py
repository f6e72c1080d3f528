"""Usage texts of the verbs that explain queuectl itself."""

from __future__ import annotations

HELP = """\
Explain a verb or a topic.

Usage:
  queuectl help [options] [<topic>...]

Options:
  --man    print it as a manual page (roff), for man(1)

Examples:
  queuectl help
  queuectl help enqueue
  queuectl help worker start
  queuectl help first-job
  queuectl help --man enqueue > queuectl-enqueue.1
"""

VERSION = """\
Print the version; with --json also those of all that is built in, SQLite's source id among them.

Usage:
  queuectl version [options]

Examples:
  queuectl version
  queuectl version --json
"""

COMPLETION = """\
Print a script that lets your shell complete verbs, options, job ids, queues and settings.

It asks queuectl at each TAB, so it need not be made again after an upgrade.

Usage:
  queuectl completion [options] <shell>

The shell is bash, zsh or fish. To load it now, and in each new shell:

  bash    source <(queuectl completion bash)       in ~/.bashrc
  zsh     source <(queuectl completion zsh)        in ~/.zshrc, after compinit
  fish    queuectl completion fish | source        in ~/.config/fish/config.fish

Examples:
  queuectl completion bash
  queuectl completion zsh > _queuectl
  queuectl completion fish > queuectl.fish
"""

TEXTS = {"completion": COMPLETION, "help": HELP, "version": VERSION}
