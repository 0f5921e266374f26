"""What is raised. Each message says what is wrong, where, and what to do about it."""


class MispairError(Exception):
    """What cannot be done: a file, the machine. The others are kinds of it."""


class QuestionError(MispairError, ValueError):
    """What cannot be asked, or not so."""


class UnknownIdError(MispairError, KeyError):
    """No sample has this id. Ids keep their type: ``5`` and ``"5"`` are two samples."""

    def __str__(self) -> str:
        # That of KeyError puts the text in quotes.
        return str(self.args[0]) if self.args else ""
