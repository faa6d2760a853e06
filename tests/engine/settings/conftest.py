"""No property test ends for being slow on a busy machine."""

from hypothesis import settings

settings.register_profile("tm-tui", deadline=None)
settings.load_profile("tm-tui")
