"""Become a supervised program: drop privileges, arrange to die with the supervisor, then exec the program.

Run by path in an interpreter of its own (`python -I -S launch.py PARENT DEATH_SIGNAL UID GID PROGRAM ARGUMENT...`,
`-` to keep the present account), so it imports nothing of ours. A function run between fork and exec would do the same
in fewer lines, but may deadlock in a process that has threads, and newer Pythons warn about it.

Linux sends DEATH_SIGNAL when the supervisor ends in any way, `kill -9` included; elsewhere children outlive a killed
supervisor. The request is made after privileges are dropped, because dropping them cancels it.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def _become_program(parent: str, death_signal: str, uid: str, gid: str, *program: str) -> None:
    """Drop privileges, ask to be killed with the parent, and replace this process by the program."""
    if uid != "-":
        os.setgroups([int(gid)])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the supervisor has ended")
    try:
        os.execvp(program[0], program)  # nosec B606 # noqa: S606 - the purpose of this file
    except OSError as error:
        sys.exit(f"cannot start {program[0]}: {error.strerror}")


if __name__ == "__main__":
    _become_program(*sys.argv[1:])
