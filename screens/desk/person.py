"""People as the console names them: the user by the kernel's word, and what the client said of itself."""

__all__ = ["person"]


def person(user: str, tty: str = "", ssh_from: str = "") -> str:
    """`root (pts/0 from 192.0.2.7)`: nobody vouches for what stands in the brackets."""
    said = " ".join(part for part in (tty, f"from {ssh_from}" if ssh_from else "") if part)
    return f"{user} ({said})" if said else user
