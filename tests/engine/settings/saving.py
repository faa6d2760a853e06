"""The child of the kill -9 test: for each line it forks a worker that saves until it is killed."""

import os
import sys
from pathlib import Path

from pydantic import SecretStr

from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore


def save_without_end(config: Path) -> None:
    store = SettingsStore(config)
    while True:
        number = store.load().revision.number
        settings = Settings.parse({"tmsp": {"username": f"user-{number}"}})
        password = SecretStr(f"password-{number}")
        saved = store.save(settings, {"tmsp": password}, expected=number, saved_by="child")
        os.write(1, f"saved {saved.number}\n".encode())


def main() -> None:
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            save_without_end(Path(sys.argv[1]))
        os.write(1, f"worker {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"ended\n")


if __name__ == "__main__":
    main()
