"""What this package refuses, each with one clear sentence."""

from deepseek_diagnostics.words import Figure, say


class DiagnosticsError(Exception):
    """Anything a caller can put right, in one line meant for people.

    It is a marked sentence with places for the figures, so that a page can say it in
    its reader's language.
    """

    def __init__(self, text: str, **figures: Figure) -> None:
        super().__init__(say(text, figures))
        self.text, self.figures = text, figures


class DataError(DiagnosticsError):
    """A model and a data set that nothing can be measured with."""


class NotApplicableError(DiagnosticsError):
    """A tool that says nothing about this model or data; the others go on."""


class StopRequestedError(Exception):
    """The work is to end; what is done so far is in the cache."""
