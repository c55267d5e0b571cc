"""What networks on CPUs spend their time on, in C++ compiled on the machine that runs it."""
