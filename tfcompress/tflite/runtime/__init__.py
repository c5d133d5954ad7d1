"""What runs a file: the operators and versions it needs, the delegate, the interpreter."""
