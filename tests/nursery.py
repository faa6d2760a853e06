"""The process that `forked` has children of: it imports all of ours, then forks to order.

Run as `python -m nursery`. An order is a message on its standard input, a socket: JSON, and descriptors.
"""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import random
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from typing import Any

from forked import COMMAND, LARGEST, MOST, take_terminal

__all__: list[str] = []

_PR_SET_PDEATHSIG = 1


def _import_all() -> None:
    """All of ours, but what acts when it is imported."""
    for top in ("tm_tui", "screens"):
        package = importlib.import_module(top)
        for found in pkgutil.walk_packages(package.__path__, f"{top}."):
            if not found.name.endswith("__main__") and ".migrations." not in found.name:
                with contextlib.suppress(ModuleNotFoundError):  # a library that is not for everybody
                    importlib.import_module(found.name)
    importlib.import_module("screens.__main__")


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _nurse() -> dict[str, Any]:
    """Fork to order until the socket ends; returns in children alone, what they are to do."""
    orders = socket.socket(fileno=os.dup(0))
    waiting = selectors.DefaultSelector()
    waiting.register(orders, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.data is None:
                data, ends, *_ = socket.recv_fds(orders, LARGEST, MOST)
                if not data:
                    os._exit(0)
                if not (number := os.fork()):
                    for other in list(waiting.get_map().values()):
                        if other.data is not None:
                            os.close(other.data[1])
                            os.close(other.fd)
                    waiting.close()
                    orders.close()
                    return json.loads(data) | {"ends": ends}
                told, *others = ends
                for end in others:
                    os.close(end)
                os.write(told, b"%d\n" % number)
                waiting.register(os.pidfd_open(number), selectors.EVENT_READ, (number, told))
            else:
                number, told = key.data
                _, status = os.waitpid(number, 0)
                waiting.unregister(key.fd)
                os.close(key.fd)
                with contextlib.suppress(BrokenPipeError):  # nobody asks any more
                    os.write(told, b"%d\n" % status)
                os.close(told)


def _become(order: dict[str, Any]) -> None:
    """Take on what a process is given by who starts it."""
    _end_with_parent()
    if order["session"]:
        os.setsid()
    told, *ends = order["ends"]
    os.close(told)
    above = max(*ends, *order["numbers"]) + 1
    held = [fcntl.fcntl(end, fcntl.F_DUPFD, above) for end in ends]  # where no number is in the way
    for end in ends:
        os.close(end)
    for number, end in zip(order["numbers"], held, strict=True):
        os.dup2(end, number)
        os.close(end)
    if order["terminal"]:
        take_terminal()
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    time.tzset()
    random.seed()
    tempfile.tempdir = None  # to be looked for anew
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        former = getattr(sys, name)
        by_line = mode == "w" and (name == "stderr" or former.isatty())
        more = {"encoding": former.encoding, "errors": former.errors, "buffering": 1 if by_line else -1}
        opened = os.fdopen(former.fileno(), mode, closefd=False, **more)
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


def _do(argv: list[str]) -> None:
    if argv[0] == COMMAND:
        from screens.__main__ import main

        sys.argv, sys.orig_argv = argv, [sys.executable, *argv]
        main()
        return
    sys.orig_argv = argv
    if argv[1] == "-m":
        sys.argv = argv[2:]
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
    else:
        assert argv[1] == "-c", argv
        sys.argv = argv[1:2] + argv[3:]
        exec(compile(argv[2], "<string>", "exec"), {"__name__": "__main__"})


def _main() -> None:
    _end_with_parent()
    gc.disable()
    _import_all()
    gc.collect()
    gc.freeze()
    gc.enable()
    order = _nurse()
    code = 1
    try:
        _become(order)
        _do(order["argv"])
        code = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120  # as an interpreter ends
    os._exit(code & 0xFF)


if __name__ == "__main__":
    _main()
