"""The ops of the ``ivit`` dialect, one file a kind."""
