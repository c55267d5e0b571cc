"""What functions are checked by while tests run."""

import functools

import beartype


def but_of_closures(function):
    """Beartype's checks, made at the first call; a closure's would be at each of what holds it."""
    if "<locals>" in function.__qualname__:
        return function
    made = []

    @functools.wraps(function)
    def checked(*args, **kwargs):
        if not made:
            made.append(beartype.beartype(function))
        return made[0](*args, **kwargs)

    return checked
