# SPDX-License-Identifier: Apache-2.0
"""How long the chat's pages take in an office of 50 people with 20,000 messages.

``python -m tests.benchmarks.chat_pages --page docs/performance.md`` writes its part of that page.
Time is that of the server: the application's own, without network, browser or anybody else asking.
"""

import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import click
from flask.testing import FlaskClient
from tests.benchmarks.circumstances import as_list, circumstances, load_now
from tests.benchmarks.section import write_section

from atre.config import Config
from atre_web import create_app
from atre_web.accounts import people, sessions
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.door import open_door
from atre_web.chat import conversations, messages, words
from atre_web.chat.message import Message

NUM_PEOPLE = 50
NUM_MESSAGES = 20_000
_MESSAGES_EACH = 20  # of one conversation
_ROUNDS = 60
_WORDS = [
    "facture",
    "devis",
    "client",
    "chantier",
    "réunion",
    "contrat",
    "employé",
    "congé",
    "budget",
    "livraison",
    "retard",
    "courriel",
    "fournisseur",
    "assurance",
    "bureau",
    "projet",
    "rapport",
    "analyse",
    "tableau",
    "résumé",
    "paiement",
    "échéance",
    "relance",
]


@click.command()
@click.option("--page", "page_file", type=click.Path(path_type=Path), help="Write its part there.")
def main(page_file: Path | None) -> None:
    """Fill a box in a temporary folder, ask for each page many times, and tell what it took."""
    load = load_now()
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            data_dir=Path(folder), runtime_dir=Path(folder) / "run", profiles_dir=Path(folder)
        )
        open_door(config, run_key=False)
        with closing(connect(config.database)) as connection:
            cookie, conversation = _fill(connection)
        client = create_app(config).test_client()
        client.set_cookie("atre", cookie)
        rows = [
            _row(client, name, path)
            for name, path in (
                ("a new chat, with the list", "/"),
                ("a conversation of 20 messages", f"/chat/{conversation}"),
                ("the history", "/history"),
                ("a search for a word of every conversation", "/history?q=factures"),
                ("a search for two words", "/history?q=retard+de+livraison"),
                ("a search for six words", "/history?q=contrat+budget+devis+client+retard+projet"),
                ("a search for a letter", "/history?q=r"),
                ("a search for what nobody wrote", "/history?q=hippopotame"),
                ("the conversation as JSON", f"/api/panel/conversations/{conversation}"),
            )
        ]
    text = _page(rows, circumstances(load=load))
    click.echo(text)
    if page_file:
        write_section(page_file, "chat pages", text)


def _page(rows: list[str], facts: dict[str, str]) -> str:
    how = (
        f"By `python -m tests.benchmarks.chat_pages`: an office of {NUM_PEOPLE} people with "
        f"{NUM_MESSAGES:,} messages, a third of them of the person who asks, in {len(_WORDS)} "
        f"words that nearly every message has; {_ROUNDS} rounds, one request at a time. The bar is "
        "100 ms of the server's time at p95; where other work wants the same processors, the time "
        "on the processor is what the page itself takes."
    )
    columns = "| page | median | p95 | longest | on the processor: median | p95 |"
    head = ("## The chat's pages\n", f"{how}\n", columns, "|---" * 6 + "|")
    return "\n".join([*head, *rows, "", as_list(facts)])


def _row(client: FlaskClient, name: str, path: str) -> str:
    taken_s, worked_s = [], []
    for _ in range(_ROUNDS):
        started_s, worked_before_s = time.perf_counter(), time.process_time()
        answer = client.get(path, headers={"Accept-Language": "fr"})
        worked_s.append(time.process_time() - worked_before_s)
        taken_s.append(time.perf_counter() - started_s)
        if answer.status_code != 200:
            raise click.ClickException(f"{path}: {answer.status}")
    cells = (*_middle_and_p95(taken_s), max(taken_s), *_middle_and_p95(worked_s))
    return f"| {name} | {' | '.join(f'{each * 1000:.0f} ms' for each in cells)} |"


def _middle_and_p95(seconds: list[float]) -> tuple[float, float]:
    return statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]


def _fill(connection: sqlite3.Connection) -> tuple[str, str]:
    """Fill the database; a session of the first person, and one of their conversations."""
    chance = random.Random(7)
    now = time.time()
    everybody = []
    with transaction(connection):
        for number in range(NUM_PEOPLE):
            name = f"personne{number}"
            person = people.create(connection, name, name, "manager", password="-", now=now)
            everybody.append(person.id)
        connection.execute("UPDATE claim SET code = NULL, claimed_at = ?", (now,))
        last = ""
        for number in range(NUM_MESSAGES // _MESSAGES_EACH):
            # A third of it is the first person's.
            owner = everybody[0] if number % 3 == 0 else chance.choice(everybody)
            when = now - chance.random() * 90 * 86400
            title = " ".join(chance.choices(_WORDS, k=6))
            made = conversations.create(connection, owner, title, now=when)
            last = made if owner == everybody[0] else last
            _talk(connection, chance, made, when)
    return sessions.create(connection, everybody[0], device="", now=now), last


def _talk(
    connection: sqlite3.Connection, chance: random.Random, conversation_id: str, when: float
) -> None:
    parent = None
    for _ in range(_MESSAGES_EACH // 2):
        asked = " ".join(chance.choices(_WORDS, k=20))
        question = messages.add_question(
            connection, conversation_id, parent, asked, [], indexed=words.indexed(asked), now=when
        )
        parent = messages.add_answer(connection, conversation_id, question, now=when, beat=0.0)
        answer = _answer(parent, chance)
        messages.finish_within(connection, answer, words.indexed(answer.text))


def _answer(answer_id: int, chance: random.Random) -> Message:
    lines = [" ".join(chance.choices(_WORDS, k=18)) for _ in range(8)]
    return Message(
        id=answer_id,
        parent_id=None,
        role="assistant",
        state="done",
        text="\n".join(["**Réponse**", *(f"- {line}" for line in lines)]),
        model="office-7b",
        prompt_tokens=200,
        completion_tokens=180,
        seconds=9.5,
        created_at=0.0,
    )


if __name__ == "__main__":
    main()
