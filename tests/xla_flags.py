"""Flags of XLA for the tests and for the processes they start."""


def of_devices(count: int) -> str:
    """Returns flags for so many CPU devices, and for compiling, which takes most of the time.

    The older emitters compile small networks in half the time, and one part costs less than many.
    """
    quick = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    return f"--xla_force_host_platform_device_count={count} {quick}"
