# SPDX-License-Identifier: Apache-2.0
import pytest

from atre.engine.chat_template import PLAIN_TEMPLATE, ChatTemplate
from atre.errors import InvalidRequestError, ModelLoadError
from atre.ipc.messages import ChatMessage, Tool, ToolCall

CHAT = [ChatMessage(role="user", content="Bonjour")]


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, bos_token="<s>", eos_token="</s>")


def test_the_template_sees_messages_tokens_and_the_generation_prompt() -> None:
    source = (
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m['content'] }}{{ eos_token }}"
        "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    assert template(source).render(CHAT) == "<s>[user]Bonjour</s>[assistant]"


def test_the_plain_template_serves_models_without_one() -> None:
    assert template(PLAIN_TEMPLATE).render(CHAT) == "user: Bonjour\nassistant:"


def test_what_the_template_refuses_is_the_callers_to_mend() -> None:
    refusing = template("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(InvalidRequestError, match="roles must alternate"):
        refusing.render(CHAT)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append('x') }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% for i in range(10000000) %}{% endfor %}",
        "{{ 'x' * messages }}",
        "{{ undefined_name.attribute }}",
    ],
)
def test_a_malicious_template_is_stopped_by_the_sandbox(attack: str) -> None:
    with pytest.raises(InvalidRequestError):
        template(attack).render(CHAT)


def test_tags_of_hugging_faces_own_are_understood() -> None:
    source = (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% break %}{% endfor %}"
    )
    assert template(source).render([*CHAT, *CHAT]) == "Bonjour"


def test_a_template_that_is_no_template_is_a_fault_of_the_model() -> None:
    with pytest.raises(ModelLoadError, match="chat template"):
        template("{% for %}")


def test_tools_and_calls_reach_the_template_as_objects() -> None:
    source = (
        "{{ tools | tojson }}{% for m in messages %}{% for c in m.tool_calls or [] %}"
        "{{ c.id }}{{ c.function.name }}{{ c.function.arguments.city }}{% endfor %}"
        "{{ m.tool_call_id }}{{ m.content }}{% endfor %}"
    )
    tool = Tool(name="weather", description="l'été <i>", parameters='{"type": "object"}')
    called = ToolCall(id="x1", name="weather", arguments='{"city": "Paris"}')
    turns = [
        ChatMessage(role="assistant", content="", tool_calls=[called]),
        ChatMessage(role="tool", content="beau", tool_call_id="x1"),
    ]
    function = '{"name": "weather", "description": "l\'été <i>", "parameters": {"type": "object"}}'
    expected = f'[{{"type": "function", "function": {function}}}]x1weatherParisx1beau'
    assert template(source).render(turns, [tool]) == expected
    assert template("{% if tools %}x{% endif %}").render(CHAT) == ""


def test_arguments_that_are_no_object_are_refused() -> None:
    for arguments in ("[1]", "{", "[" * 100_000, "1"):
        called = ToolCall(id="x", name="a", arguments=arguments)
        turn = ChatMessage(role="assistant", content="", tool_calls=[called])
        with pytest.raises(InvalidRequestError) as caught:
            template("").render([turn])
        assert caught.value.param == "messages"
