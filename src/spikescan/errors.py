"""What can go wrong, by who can mend it. The command line turns each class into an exit code."""


class InputError(ValueError):
    """A file, a sample, an option or a recipe is wrong: says which one, what was found, what to do (exit code 2)."""


class TrainingError(RuntimeError):
    """Training cannot go on: says at which epoch, step and layer (exit code 1)."""
