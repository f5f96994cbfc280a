"""Runs a suite in fresh processes, base and head interleaved, and keeps what it wrote and what it cost.

A process of its own (`python -m regress_action.measure`) that needs the standard library and psutil, no more,
so that it runs in the user's own toolchain. It imports nothing of the other rooms: what it leaves is a folder.
"""
