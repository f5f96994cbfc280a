"""A judgement in the words of its readers: terminal, Markdown, JSON, HTML.

Every name, reason and unit in a judgement comes from somebody's results file and is treated as data: what reaches a
reader went through `escape`.
"""
