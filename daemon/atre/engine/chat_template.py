# SPDX-License-Identifier: Apache-2.0
import datetime as dt
from collections.abc import Sequence

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from atre.errors import InvalidRequestError, ModelLoadError
from atre.ipc.messages import ChatMessage

# For models that carry no template of their own: the ChatML layout, without its special tokens.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


class ChatTemplate:
    """A model's own chat template, rendered in Jinja's sandbox: it comes with the model file.

    Layout of the variables: Hugging Face ``apply_chat_template``.
    """

    def __init__(self, source: str, *, bos_token: str, eos_token: str) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = _strftime_now
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise ModelLoadError(f"The model's chat template cannot be read: {error}.") from error
        self.bos_token = bos_token
        self._eos_token = eos_token

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt for the assistant's next turn.

        Raises InvalidRequestError where the template refuses the conversation.
        """
        turns = [
            {"role": message.role, "content": message.content}
            | ({"name": message.name} if message.name else {})
            for message in messages
        ]
        try:
            return self._template.render(
                messages=turns,
                add_generation_prompt=True,
                bos_token=self.bos_token,
                eos_token=self._eos_token,
            )
        except (TemplateError, SecurityError, TypeError, ValueError, OverflowError) as error:
            raise InvalidRequestError(
                f"The model's chat template refuses this conversation: {error}", param="messages"
            ) from error


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(layout: str) -> str:
    return dt.datetime.now().astimezone().strftime(layout)
