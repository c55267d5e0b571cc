"""What the device reaches at best: FLOP/s of a large matrix product, bytes/s of a large copy.

Measured in the run that it is the yardstick of, by JAX and by PyTorch; the better of the two
counts. It is what a program can get, which is less than the data sheet says.
"""

import time
from collections.abc import Callable

_SIDE = {"cpu": 2048, "gpu": 16384}  # of the square matrices
_NUMBERS = {"cpu": 2**26, "gpu": 2**29}  # float32 numbers copied: far more than any cache holds
_SECONDS = 1.0


def best_rate(run: Callable[[], None], amount: float, *, seconds: float = _SECONDS) -> float:
    """Returns `amount` per second in the fastest of many runs; `run` waits for its result."""
    run()
    fastest, end = float("inf"), time.perf_counter() + seconds
    for done in range(10**6):
        start = time.perf_counter()
        run()
        now = time.perf_counter()
        fastest = min(fastest, now - start)
        if done >= 2 and now > end:
            break
    return amount / fastest


def by_jax(device: str, dtype: str, *, side: int | None = None, numbers: int | None = None) -> dict:
    """Returns `flops_per_s` and `bytes_per_s` (read plus written) of JAX's default device.

    Args:
        device: `cpu` or `gpu`, for the sizes.
        dtype: of the matrices.
        side: of the matrices, if not the usual.
        numbers: float32 numbers copied, if not the usual.
    """
    import jax
    import jax.numpy as jnp

    side, numbers = side or _SIDE[device], numbers or _NUMBERS[device]
    a = jax.random.normal(jax.random.key(0), (side, side)).astype(dtype)
    multiply = jax.jit(jnp.matmul)
    flops = best_rate(lambda: multiply(a, a).block_until_ready(), 2 * side**3)
    add_one = jax.jit(lambda x: x + 1, donate_argnums=0)  # to memory it has: no pages to map
    x = jnp.zeros(numbers, jnp.float32)

    def copy() -> None:
        nonlocal x
        x = add_one(x).block_until_ready()

    return {"flops_per_s": flops, "bytes_per_s": best_rate(copy, 8 * numbers)}


def by_torch(
    device: str, dtype: str, *, side: int | None = None, numbers: int | None = None
) -> dict:
    """Returns the same as `by_jax`, measured with PyTorch."""
    import torch

    def waiting(function: Callable, *arguments: torch.Tensor) -> Callable[[], None]:
        def run() -> None:
            function(*arguments)
            if device == "gpu":
                torch.cuda.synchronize()

        return run

    place = "cuda" if device == "gpu" else "cpu"
    side, numbers = side or _SIDE[device], numbers or _NUMBERS[device]
    a = torch.randn((side, side), device=place).to(getattr(torch, dtype))
    product = torch.empty_like(a)
    multiply = waiting(lambda: torch.matmul(a, a, out=product))
    x = torch.zeros(numbers, device=place)
    y = torch.empty_like(x)
    return {
        "flops_per_s": best_rate(multiply, 2 * side**3),
        "bytes_per_s": best_rate(waiting(y.copy_, x), 8 * numbers),
    }
