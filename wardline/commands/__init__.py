"""One module per command; each offers `add_arguments(parser)` and `run(arguments) -> exit code`."""
