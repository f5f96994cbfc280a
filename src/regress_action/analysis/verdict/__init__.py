"""From evidence to words: estimate, decision, severity, the suite as a whole, the sentence of reason."""
