"""What happens in a run, for programs that follow it: JSON lines, and a word at the end to a web hook."""
