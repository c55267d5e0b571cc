"""Devices, processes, caches, locks: what a program needs from the machine it runs on."""
