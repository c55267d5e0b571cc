"""Flags of XLA for the tests and for the processes they start."""


def of_devices(count: int) -> str:
    """Returns flags for so many CPU devices, and for compiling, which takes most of the time.

    The older emitters compile small networks in half the time.
    """
    return f"--xla_force_host_platform_device_count={count} --xla_cpu_use_fusion_emitters=false"
