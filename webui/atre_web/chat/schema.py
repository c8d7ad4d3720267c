# SPDX-License-Identifier: Apache-2.0
"""Bodies of the routes below /api/panel/conversations; a field that is not here is refused."""

from typing import Annotated

import msgspec
from msgspec import Meta

from atre_web.chat.asking import Question
from atre_web.chat.attachment import Attachment, checked

_Id = Annotated[int, Meta(ge=1, le=2**53)]


class QuestionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A question; ``attachments`` are text already, as POST /api/panel/attachments gives it.

    ``parent_id`` is the answer it goes on from, ``replaces`` the question that it is put in place
    of, in a branch of its own.
    """

    question: str
    attachments: list[Attachment] = []
    parent_id: _Id | None = None
    replaces: _Id | None = None

    def asked(self) -> Question:
        """The question. Raises AttachmentError."""
        return Question(self.question, checked(self.attachments), self.parent_id, self.replaces)


class AnswerBody(msgspec.Struct, forbid_unknown_fields=True):
    """Ask for another answer to a question."""

    question_id: _Id


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What may be changed of a conversation: its title, and which branch is shown."""

    title: str | None = None
    shown_id: _Id | None = None
