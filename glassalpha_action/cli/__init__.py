"""The command line: one file a command group; it wires clock, git, environment and registry together."""
