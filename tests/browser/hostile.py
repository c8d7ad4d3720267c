# SPDX-License-Identifier: Apache-2.0
"""Texts that try to be something else than text, and how a page shows that one succeeded."""

# Each calls the canary if anything at all takes it for markup, a script or an address. They are
# short: a name has 64 characters.
MARKUP = (
    "<script>canary()</script>",
    "<img src=x onerror=canary()>",
    '"><svg onload=canary()>',
    "'-canary()-'",
    "</textarea></title><img src=x onerror=canary()>",
    "{{ canary() }}{% x %}${canary()}",
    '" autofocus onfocus="canary()" x="',
    "javascript:canary()",
    "%(name)s %s {name} &lt;b&gt;",
)
MARKDOWN = (
    "[lien](javascript:canary())",
    "[espace](java\tscript:canary())",
    "![image](javascript:canary())",
    "[data](data:text/html,<script>canary()</script>)",
    "[svg](data:image/svg+xml,<svg onload='canary()'/>)",
    "<javascript:canary()>",
    "[a]: javascript:canary()\n\n[a]",
    "```\n</code></pre><img src=x onerror=canary()>\n```",
    "<math><mtext><table><mglyph><style><img src=x onerror=canary()></style></mglyph>",
    "| <img src=x onerror=canary()> |\n|---|\n| <svg/onload=canary()> |",
    "<details open ontoggle=canary()>",
)
# A right-to-left override, an isolate, NUL, an escape, a line separator, another line's end.
CONTROLS = ("a\u202egpj.exe", "\u2066b\u2069", "c\x00d", "\x1b[31me", "f\u2028g", "h\u0085i")
NO_NAMES = (*CONTROLS, "x" * 1_000_000, " \u2003 ")

WATCH = """
window.ran = 0; window.violations = [];
window.canary = () => (window.ran += 1);
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
# What ran, what the content policy had to stop, and what no page of ours has.
TRACES = """() => ({
  ran: window.ran,
  violations: window.violations,
  foreign: [...document.querySelectorAll(
    "body script, main img, iframe, object, embed, base, math, main style, [ontoggle]," +
    " [onload], [onerror], [onfocus], [onclick], a[href^='javascript:' i], a[href^='data:' i]"
  )].map((element) => element.outerHTML),
})"""
UNTOUCHED = {"ran": 0, "violations": [], "foreign": []}
