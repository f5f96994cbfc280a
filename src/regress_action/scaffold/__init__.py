"""What `regress-action init` writes: a workflow, a config and a thresholds file that fit the repository."""

from regress_action.scaffold.files import Draft, drafts
from regress_action.scaffold.projects import Project, recognise

__all__ = ["Draft", "Project", "drafts", "recognise"]
