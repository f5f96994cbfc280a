"""Runs a suite in fresh processes, base and head interleaved, and keeps its results and what they cost.

A program of its own (`python -m regress_action.measure`) that needs the standard library and psutil only, so that it
runs beside the user's own toolchain. It imports nothing else of this package; its output is a folder.
"""
