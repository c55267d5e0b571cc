import gc
import pickle
import weakref

import jax
import numpy as np

from dfer_jax.data.batch_memory import BatchMemory

SHAPE = (2, 3, 5, 5, 3)


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_only_when_nobody_holds_it():
    memory = BatchMemory()
    first = memory.empty(SHAPE)
    assert type(first) is np.ndarray and first.shape == SHAPE and first.flags.writeable
    place = address(first)
    first[:] = 7
    view = first[1, 0].reshape(-1)[::2]
    del first
    other = memory.empty(SHAPE)
    other[:] = 9
    assert address(other) != place and (view == 7).all()
    del view
    assert address(memory.empty(SHAPE)) == place


def test_what_is_on_a_device_is_not_overwritten():
    memory, size = BatchMemory(), 1 << 20
    for offset in (0, 1):
        host = memory.empty((size + 128,))
        start = -address(host) % 64 + offset  # memory aligned to 64 bytes JAX does not copy
        host[:] = 3
        on_device = jax.device_put(host[start : start + size])
        del host
        for _ in range(8):
            memory.empty((size + 128,))[:] = 4
        assert (np.asarray(on_device) == 3).all()


def test_other_shapes_and_a_bounded_store():
    memory = BatchMemory()
    assert memory.empty((4, 4)).shape == (4, 4)
    assert memory.empty((5,)).shape == (5,)
    held = [memory.empty(SHAPE) for _ in range(20)]
    del held
    gc.collect()
    assert len(memory._free) <= 4


def test_another_process_gets_memory_of_its_own():
    memory = BatchMemory()
    del_me = memory.empty(SHAPE)
    del del_me
    copy = pickle.loads(pickle.dumps(memory))
    assert not copy._free and copy.empty(SHAPE).shape == SHAPE
    alive = weakref.ref(memory)
    del memory
    assert alive() is None
