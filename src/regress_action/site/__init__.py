"""The dashboard: a static site of a history, which opens from disk, from GitHub Pages and from an artifact.

`tables` lays the reports out as arrays, `content` makes the data files, `health` those about the gate itself,
`recommendations` says what needs attention and what to do, `feeds` makes badge, Atom feed and weekly summary, and
`build` puts all of it beside the page in `assets`, for the command and the action.
"""
