"""The agent's control socket: who may connect, what each call does, and how its answer is given."""
