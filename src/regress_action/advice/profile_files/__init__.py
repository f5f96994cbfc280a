"""Profiles from files: collapsed stacks, speedscope, pprof, and the counts of calls of our own profiler.

A suite writes these files, and a pull request changes the suite. Every reader is bounded, takes numbers and names only,
and raises an `InputError` for anything else; names are made inert where they are printed.
"""

from regress_action.advice.profile_files.folder import ProfiledTarget, ProfileRun, garbage_s, read_profiles

__all__ = ["ProfileRun", "ProfiledTarget", "garbage_s", "read_profiles"]
