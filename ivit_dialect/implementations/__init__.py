"""The interpreter's implementations of ops, by group: operands and attributes, handed to the reference."""
