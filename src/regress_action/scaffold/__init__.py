"""What `regress-action init` writes: a workflow, a config and a thresholds file that fit the repository."""

from regress_action.scaffold.compiled import go_benchmarks, go_packages
from regress_action.scaffold.files import CONFIG, Draft, Suite, drafts
from regress_action.scaffold.recognition import recognise
from regress_action.scaffold.repository import Project, Repository
from regress_action.scaffold.requirements import compiled_modules, distribution_of, python_minors
from regress_action.scaffold.workflows import other_tools

__all__ = [
    "CONFIG",
    "Draft",
    "Project",
    "Repository",
    "Suite",
    "compiled_modules",
    "distribution_of",
    "drafts",
    "go_benchmarks",
    "go_packages",
    "other_tools",
    "python_minors",
    "recognise",
]
