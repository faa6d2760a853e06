"""What support asks first about a machine: versions, and what the system permits this process."""

import os
import platform
import resource
import ssl
import sys
from functools import cache
from importlib.metadata import distributions
from typing import Any

from tm_tui import __version__

__all__ = ["machine", "versions"]


@cache
def versions() -> dict[str, Any]:
    """Return the versions of the product, the system and each library. Reads many files the first time."""
    return {
        "tm-tui": __version__,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "system": _system(),
        "libraries": dict(sorted((one.name, one.version) for one in distributions())),
    }


def machine() -> dict[str, Any]:
    """Describe the process that runs this: its limits, memory and time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limits = {"core": resource.RLIMIT_CORE, "open_files": resource.RLIMIT_NOFILE}
    return {
        "pid": os.getpid(),
        "user": os.geteuid(),
        "interpreter": sys.executable,
        "largest_memory_kilobytes": used.ru_maxrss,
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "limits": {name: resource.getrlimit(number)[0] for name, number in limits.items()},
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
