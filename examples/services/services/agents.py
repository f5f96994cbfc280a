"""Agents: small steps that each turn one message into the next, and the ways to put them together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
STOP_WORDS = frozenset(("a", "an", "and", "as", "at", "be", "but", "in", "is", "it", "of", "on", "or", "to", "the"))


@dataclass(frozen=True, slots=True)
class Message:
    """A text on its way, with what the agents before have noted about it."""

    text: str
    notes: Mapping[str, Any] = field(default_factory=dict)

    def noting(self, **notes: object) -> Message:
        """Return this message with further notes."""
        return replace(self, notes={**self.notes, **notes})


Agent = Callable[[Message], Message]


def compose(*agents: Agent) -> Agent:
    """Return one agent that lets each of `agents` work on what the one before left."""

    def composed(message: Message) -> Message:
        for agent in agents:
            message = agent(message)
        return message

    return composed


def branch(condition: Callable[[Message], bool], then: Agent, otherwise: Agent) -> Agent:
    """Return an agent that asks `condition` which of the two shall work."""

    def chosen(message: Message) -> Message:
        return then(message) if condition(message) else otherwise(message)

    return chosen


def panel(*agents: Agent) -> Agent:
    """Return an agent that shows the same message to all `agents` and collects what they note."""

    def collected(message: Message) -> Message:
        notes: dict[str, Any] = dict(message.notes)
        for agent in agents:
            notes.update(agent(message).notes)
        return replace(message, notes=notes)

    return collected


def normalise(message: Message) -> Message:
    """Bring the text to single spaces."""
    return replace(message, text=" ".join(message.text.split()))


def count_words(message: Message) -> Message:
    """Note how often each word occurs, stop words left out."""
    words = (word.lower() for word in _WORD.findall(message.text))
    return message.noting(words=Counter(word for word in words if word not in STOP_WORDS))


def rank(limit: int) -> Agent:
    """Return an agent that notes the `limit` most frequent words as `keywords`, in a stable order."""

    def ranked(message: Message) -> Message:
        counted: Counter[str] = message.notes["words"]
        best = sorted(counted, key=lambda word: (-counted[word], word))[:limit]
        return message.noting(keywords=tuple(best))

    return ranked


def summarise(limit: int) -> Agent:
    """Return an agent that notes the `limit` sentences with the most weight as `summary`, in their order."""

    def summarised(message: Message) -> Message:
        weights: Counter[str] = message.notes["words"]
        sentences = _SENTENCE.split(message.text)
        best = sorted(range(len(sentences)), key=lambda at: (-_weight(sentences[at], weights), at))[:limit]
        return message.noting(summary=" ".join(sentences[at] for at in sorted(best)))

    return summarised


def digest(keywords: int = 5, sentences: int = 2) -> Agent:
    """Return the agent of this service: words, keywords and a summary of a text."""
    return compose(normalise, count_words, panel(rank(keywords), summarise(sentences)))


def _weight(sentence: str, weights: Mapping[str, int]) -> float:
    found = [weights[word] for word in map(str.lower, _WORD.findall(sentence)) if word in weights]
    return sum(found) / (len(found) or 1)
