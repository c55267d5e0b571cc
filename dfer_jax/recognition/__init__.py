"""From weights and pictures to expressions: `Recognizer`, and what `dfer predict` writes."""
