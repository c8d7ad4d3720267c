# SPDX-License-Identifier: Apache-2.0
from atre.engine.answer_text import AnswerText, Passage
from atre.engine.detokenizer import StopStrings
from atre.engine.formats.family import Family, Format

FORMAT = Format(Family.HERMES, ("<think>", "</think>"))
CALL = '<tool_call>{"name": "a", "arguments": {"x": "stop"}}</tool_call>'


def read(answer: str, stops: list[str], max_calls: int | None = None) -> tuple[Passage, AnswerText]:
    text = AnswerText(StopStrings(stops), FORMAT.parser("", with_tools=True), max_calls)
    whole = Passage()
    for character in answer:
        passage = text.push(character)
        whole.text += passage.text
        whole.reasoning += passage.reasoning
        whole.calls += passage.calls
        if passage.is_last:
            whole.is_last = True
            return whole, text
    passage = text.finish(is_whole=True)
    whole.text += passage.text
    whole.calls += passage.calls
    return whole, text


def test_stop_strings_are_looked_for_in_the_text_alone() -> None:
    whole, text = read(f"<think>stop</think>Oui. {CALL}", ["stop"])
    assert (whole.text, whole.reasoning, whole.is_last) == ("Oui.", "stop", False)
    assert "".join(call.arguments for call in whole.calls) == '{"x": "stop"}'
    assert text.called_tools
    whole, text = read("<think>a</think>Oui stop non", ["stop"])
    assert (whole.text.strip(), whole.is_last) == ("Oui", True)
    assert not text.called_tools


def test_what_might_have_been_a_stop_string_comes_before_the_call() -> None:
    text = AnswerText(StopStrings(["stop"]), FORMAT.parser("", with_tools=True), None)
    passages = [text.push("Oui st"), text.push(CALL), text.finish(is_whole=True)]
    assert [passage.text for passage in passages] == ["Oui ", "st", ""]
    assert [bool(passage.calls) for passage in passages] == [False, True, False]


def test_the_answer_ends_with_the_last_call_that_is_allowed() -> None:
    whole, _ = read(CALL + CALL, [], max_calls=1)
    assert whole.is_last
    assert {call.index for call in whole.calls} == {0}
    whole, _ = read(CALL + CALL, [])
    assert {call.index for call in whole.calls} == {0, 1}
    ids = [call.id for call in whole.calls if call.id]
    assert len(set(ids)) == 2
    assert all(len(each) == 9 and each.isalnum() for each in ids)
