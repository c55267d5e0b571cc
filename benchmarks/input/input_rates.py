"""Measures loaders one after the other, each in a process of its own, and tabulates the rates."""

import dataclasses
import itertools
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence

from absl import flags
from tqdm import tqdm

from benchmarks.input.input_loaders import LOADERS, PARTS, PEER, PEER_RESIZING, Work
from dfer_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Rate:
    """One measurement.

    Attributes:
        clock: clips per second.
        cpu: clips per second of processor time; of this process alone, not of workers.
        load: of the machine just before, a mean over one minute.
    """

    clock: float
    cpu: float
    load: float


def rate(name: str, work: Work, *, cores: set[int], num_workers: int, seconds: float) -> Rate:
    """Measures a loader, or a part, in a new process that may use these cores.

    Raises:
        UserError: if it fails.
    """
    context = multiprocessing.get_context("spawn")
    answer, question = context.Pipe(duplex=False)
    arguments = (name, work, num_workers, seconds, question)
    process = context.Process(target=_measure, args=arguments)
    load, before = os.getloadavg()[0], os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # inherited by the process and all it starts
    try:
        process.start()
    finally:
        os.sched_setaffinity(0, before)
    question.close()
    try:
        return Rate(*answer.recv(), load)
    except EOFError:
        raise UserError(f"measuring the {name} failed; its error is above") from None
    finally:
        process.join()


def _measure(name: str, work: Work, num_workers: int, seconds: float, pipe) -> None:
    """Sends clips per second and per second of processor time, the loader's start left out."""
    flags.FLAGS.mark_as_parsed()  # Grain's workers ask for them
    delivered = LOADERS[name](work, num_workers) if name in LOADERS else PARTS[name](work)
    start, batches = time.perf_counter(), 0
    while batches < 3 + 2 * num_workers or time.perf_counter() - start < seconds / 2:
        next(delivered)  # starts workers, compiles, empties what is prefetched
        batches += 1
    start, cpu, clips = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < seconds:
        clips += next(delivered)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    pipe.send((clips / wall, clips / cpu))
    pipe.close()
    delivered.close()


def usable_cores() -> set[int]:
    """Returns the numbers of the cores this process may use.

    Raises:
        UserError: where processes cannot be pinned to cores.
    """
    try:
        return os.sched_getaffinity(0)
    except AttributeError as error:
        raise UserError("this benchmark pins processes to cores; run it on Linux") from error


def on_one_core(work: Work, *, repeats: int, seconds: float) -> dict[str, list[Rate]]:
    """Measures everything on one core without workers, forwards and backwards in turn."""
    names = [*LOADERS, *PARTS]
    rates: dict[str, list[Rate]] = {name: [] for name in names}
    core = {max(usable_cores())}
    order = [name for repeat in range(repeats) for name in names[:: (-1) ** repeat]]
    for name in tqdm(order, desc="one core", leave=False):
        rates[name].append(rate(name, work, cores=core, num_workers=0, seconds=seconds))
    return rates


def on_all_cores(
    work: Work, *, workers: Sequence[int], repeats: int, seconds: float
) -> dict[str, dict[int, list[Rate]]]:
    """Measures the loaders as each is used, by number of worker processes."""
    names = (PEER, "decode path", "cache path")
    rates = {name: {number: [] for number in workers} for name in names}
    cores = usable_cores()
    order = list(itertools.product(range(repeats), workers, names))
    for _, number, name in tqdm(order, desc=f"{len(cores)} cores", leave=False):
        found = rate(name, work, cores=cores, num_workers=number, seconds=seconds)
        rates[name][number].append(found)
    return rates


def _median(rates: Sequence[Rate], kind: str = "clock") -> float:
    return statistics.median(getattr(rate, kind) for rate in rates)


def one_core_table(rates: Mapping[str, Sequence[Rate]]) -> Iterator[str]:
    """Yields the lines of a table: clips per second by clock and by processor time, with ratios."""
    yield f"{'':36} {'clips/s  (range)':>24} {'per CPU s':>10} {'x peer':>7} {'by CPU':>7}"
    peer = rates[PEER]
    for name, found in rates.items():
        clock, cpu = _median(found), _median(found, "cpu")
        each = [rate.clock for rate in found]
        yield (
            f"{name:36} {clock:8.0f}  ({min(each):5.0f}..{max(each):6.0f}) {cpu:10.0f} "
            f"{clock / _median(peer):7.2f} {cpu / _median(peer, 'cpu'):7.2f}"
        )
    ours, resizing = rates["decode path"], rates[PEER_RESIZING]
    clock, cpu = (_median(ours, kind) / _median(resizing, kind) for kind in ("clock", "cpu"))
    yield f"decode path x {PEER_RESIZING}: {clock:.2f}, by CPU {cpu:.2f}"


def all_cores_table(rates: Mapping[str, Mapping[int, Sequence[Rate]]]) -> Iterator[str]:
    """Yields the lines of a table: medians by number of workers; ratio of the best of each."""
    numbers = list(rates[PEER])
    yield f"{'clips/s':22}" + "".join(f"{number:5} workers" for number in numbers) + "   x peer"
    best = {name: max(map(_median, found.values())) for name, found in rates.items()}
    for name, found in rates.items():
        columns = "".join(f"{_median(found[number]):13.0f}" for number in numbers)
        yield f"{name:22}{columns} {best[name] / best[PEER]:8.2f}"
