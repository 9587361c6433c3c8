"""From the float graph and its scales to ``ivit`` ops."""
