# SPDX-License-Identifier: Apache-2.0
"""The one door to markdown-it: our own pages, and what a model wrote, as HTML."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from atre.handbook.page import page_name

# HTML in a page is shown as text. Pictures are off: no page has one, and none may come from
# elsewhere.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
# The style sheet lets a table scroll by itself in this frame, so that no phone's page does. What
# scrolls must be reached by the keyboard (WCAG 2.1.1), code too.
_PARSER.add_render_rule("table_open", lambda *_: '<div class="table" tabindex="0"><table>\n')
_PARSER.add_render_rule("table_close", lambda *_: "</table></div>\n")
_PARSER.add_render_rule("fence", lambda _, tokens, index, *__: _code(tokens[index]))
# What a model writes is read without a script through this one; with scripts, static/js/markdown.js
# does the same. Schemes that open another program, or carry a page of their own, are no links.
_ANSWERS = (
    MarkdownIt("commonmark", {"html": False, "breaks": True})
    .enable(["table", "strikethrough"])
    .disable("image")
)
_ANSWERS.add_render_rule("table_open", lambda *_: '<div class="table" tabindex="0"><table>\n')
_ANSWERS.add_render_rule("table_close", lambda *_: "</table></div>\n")
_ANSWERS.add_render_rule("fence", lambda _, tokens, index, *__: _code(tokens[index]))
_SAFE_LINK = re.compile(r"^(https?:|mailto:)", re.IGNORECASE)
_OTHER_PAGE = re.compile(r"^[\w-]+\.md$")


def to_html(markdown: str) -> Markup:
    """The HTML of one page; a link to another page's file leads to that page of the panel."""
    tokens = _PARSER.parse(markdown)
    for token in _links(tokens):
        target = str(token.attrGet("href") or "")
        if _OTHER_PAGE.match(target):
            token.attrSet("href", f"/help/{page_name(target)}")
    # markdown-it escapes all text, and refuses javascript: and its like as link targets.
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704


def _code(token: Token) -> str:
    return f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>\n'


# An answer that is written does not change, and a conversation is looked at again and again.
@lru_cache(maxsize=512)
def answer_html(markdown: str) -> Markup:
    """The HTML of an answer: no markup of the model's own, no picture, no other scheme."""
    tokens = _ANSWERS.parse(markdown)
    for token in _links(tokens):
        if _SAFE_LINK.match(str(token.attrGet("href") or "")):
            token.attrSet("rel", "noopener noreferrer")
            token.attrSet("target", "_blank")
        else:
            token.attrs.pop("href", None)
    # markdown-it escapes all text.
    return Markup(_ANSWERS.renderer.render(tokens, _ANSWERS.options, {}))  # noqa: S704


def _links(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "link_open":
            yield token
        yield from _links(token.children or ())
