"""The errors a user can cause; each message is one line that names the place, the value, the limit and the way out."""


class AccelSimError(Exception):
    """Anything a user can put right.

    The command line prints the message as its only line on stderr and exits with status 2, so a message never
    spans lines: line breaks in quoted foreign text are folded into spaces.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class ModelError(AccelSimError):
    """A model file that cannot be read or cannot be run; the message names the file and every node concerned."""


class InputError(AccelSimError):
    """Input data of a wrong name, shape, type or value, or a fault that does not exist in the model."""


class ResultsError(AccelSimError):
    """A results file that cannot be created, opened or trusted, or that belongs to another campaign."""


class UsageError(AccelSimError):
    """Options that are impossible or contradict each other."""


class CampaignError(AccelSimError):
    """A campaign that stopped half way; what was done is stored, and the same command goes on from there."""
