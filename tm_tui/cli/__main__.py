"""`python -m tm_tui.cli`: the engine's commands without the console."""

from tm_tui.cli import main

if __name__ == "__main__":
    main()
