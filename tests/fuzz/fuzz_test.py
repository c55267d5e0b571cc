"""Feeds mutated files to every reader: it reads them or refuses them in one sentence.

    make fuzz                    # 5,000 inputs a reader
    make fuzz FUZZ_INPUTS=100    # fewer

An input that breaks a reader is kept in `found/`, in a file named after the reader; from then on it
is tried in every run of the suite.
"""

import os
import time
from pathlib import Path

import pytest
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.peak_memory import begin_anew, peak_bytes

FOUND = Path(__file__).parent / "found"
INPUTS = int(os.environ.get("FUZZ_INPUTS", "20"))
MOST_SECONDS = 5
MOST_MEMORY = 2**30
TOKENS = [b"", b"\0", b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"1e999", b"NaN", b"9" * 5000]
TOKENS += [b"[" * 10_000, b'"', b",", b"\n", b"\x80\x04", b"PK\x03\x04", "\u2028é".encode()]
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 16),
        st.sampled_from(TOKENS) | st.binary(max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data, edits):
    """Replaces some bytes at each place, the places being shares of the length."""
    for place, length, new in edits:
        at = int(place * len(data))
        data = data[:at] + new + data[at + length :]
    return data


def feed(name, folder, data):
    """Lets a reader read bytes; returns what it says when it refuses them."""
    target = TARGETS[name]
    path = folder / target.name
    path.write_bytes(data)
    begin_anew()
    before, memory = time.process_time(), peak_bytes()  # what others do meanwhile does not count
    said = ""
    try:
        target.read(path)
    except target.refusals as error:
        said = str(error)
        assert said and "Traceback" not in said
    assert time.process_time() - before < MOST_SECONDS
    assert peak_bytes() - memory < MOST_MEMORY
    return said


@pytest.mark.parametrize("name", TARGETS)
def test_whole_inputs_are_read(name, tmp_path):
    said = [feed(name, tmp_path, seed) for seed in TARGETS[name].seeds]
    exported = [text for text in said if "export it once" in text]  # programs and modules
    assert [text for text in said if text] == exported


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_are_read_or_refused(name, tmp_path):
    @settings(
        max_examples=INPUTS,
        deadline=None,
        database=None,
        derandomize="FUZZ_INPUTS" not in os.environ,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.sampled_from(TARGETS[name].seeds), EDITS)
    def run(seed, edits):
        data = mutated(seed, edits)
        try:
            feed(name, tmp_path, data)
        except BaseException:
            (FOUND / name.replace(" ", "_")).write_bytes(data)
            raise

    run()


@pytest.mark.parametrize("path", sorted(FOUND.iterdir()), ids=lambda path: path.name)
def test_inputs_that_once_broke_a_reader(path, tmp_path):
    feed(path.name.partition(".")[0].replace("_", " "), tmp_path, path.read_bytes())
