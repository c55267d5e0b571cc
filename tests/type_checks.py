"""What functions are checked by while tests run."""

import beartype


def but_of_closures(function):
    """Beartype's checks; those of a closure would be made anew at each call of what holds it."""
    if "<locals>" in function.__qualname__:
        return function
    return beartype.beartype(function)
