"""The console in plain lines: numbered prompts for dumb terminals, screen readers and scripts. No Textual."""
