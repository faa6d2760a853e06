"""What a process of ours does first: it keeps its memory to itself, and takes the descriptors it needs."""

import ctypes
import os
import resource

__all__ = ["harden", "raise_descriptors"]

_PR_SET_DUMPABLE = 4  # prctl(2)
_PR_SET_NO_NEW_PRIVS = 38
_DESCRIPTORS = 4096


def harden(*, writes: bool = True) -> None:
    """Keep our memory from core files and from other processes of the same user; gain no rights later on.

    Files are made for the owner alone, and none can be written without `writes`. Children inherit all but
    the first.
    """
    os.umask(0o077)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if not writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def raise_descriptors(most: int = _DESCRIPTORS) -> None:
    """Raise the soft limit of open files as far as we need it, and as the hard one lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
