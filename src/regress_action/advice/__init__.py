"""What to do about a judgement: where to look first, in sentences.

Advice is an inference from how metrics moved together, never a verdict; each sentence says what it was inferred from.
"""

from regress_action.advice.rules import causes, elsewhere, recommend

__all__ = ["causes", "elsewhere", "recommend"]
