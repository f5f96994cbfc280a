"""The dashboard: a static site of a history, which opens from disk, from GitHub Pages and from an artifact.

`tables` lays the reports out as arrays, `findings` says what needs attention, `content` makes the data files, `health`
those about the gate itself, `recommendations` says what to do, `feeds` makes badge, Atom feed and weekly summary, and
`writing` puts all of it beside the page in `assets`. `build` is where the command and the action come in.
"""
