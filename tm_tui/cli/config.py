"""`tm-tui config`: the table of its commands."""

from tm_tui.cli.lazy import Lazy, LazyGroup

__all__ = ["config"]

config = LazyGroup(
    "config",
    lazy={
        "show": Lazy("tm_tui.cli.config_show:show_settings", "Print the settings in force as TOML."),
        "get": Lazy("tm_tui.cli.config_show:get", "Print one setting."),
        "schema": Lazy("tm_tui.cli.config_show:schema", "Explain every setting: key, values, default."),
        "set": Lazy("tm_tui.cli.config_save:set_", "Change settings, all together or none."),
        "apply": Lazy("tm_tui.cli.config_save:apply", "Replace all settings by those of a file."),
        "secret": Lazy("tm_tui.cli.config_save:secret", "Set or remove a password."),
        "history": Lazy("tm_tui.cli.config_history:history", "List what was saved: when, by whom, why."),
        "diff": Lazy("tm_tui.cli.config_history:diff", "Show what differs between two revisions."),
        "rollback": Lazy("tm_tui.cli.config_history:rollback", "Go back to a revision, or end a trial."),
        "confirm": Lazy("tm_tui.cli.config_trial:confirm", "Keep the settings that are on trial."),
        "acknowledge": Lazy(
            "tm_tui.cli.config_trial:acknowledge", "Say that you have seen that a trial was taken back."
        ),
    },
    no_args_is_help=True,
    help="Show and change the settings, look back, take back.",
)
