"""The subcommands of ``ivit``, one file each."""
