"""The commands of `duolu`: each reads its options, makes one call, prints the result."""
