# SPDX-License-Identifier: Apache-2.0
"""Changing the model of a running box, without a process: every way that it can go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from atre.box.model_use import ModelUse
from atre.config import Config
from atre.ipc.model_messages import Phase
from atre.models.change import ChangeStatus, ModelChange
from atre.models.change_request import RequestSocket, ask_for_model, read_status, write_status
from atre.models.manifest import Facts, Manifest, StoredFile
from atre.models.store import Store
from atre.sentence import NOTHING, Sentence


class FakeSeat:
    """Does what it is told: which models load, which write a token, who is still answered."""

    def __init__(
        self,
        *,
        num_open: tuple[int, ...] = (),
        unplannable: str = "",
        dies: str = "",
        mute: str = "",
        stuck: str = "",
    ) -> None:
        self.did: list[str] = []
        self.model = "before"
        self._num_open = list(num_open)
        self._unplannable, self._dies, self._mute, self._stuck = unplannable, dies, mute, stuck

    def close_door(self) -> None:
        self.did.append("close")

    def num_open(self) -> int:
        return self._num_open.pop(0) if self._num_open else 0

    def load(self, model: str) -> None:
        self.did.append(f"load {model}")
        self.model = model

    def load_failure(self) -> Sentence | None:
        if self.model == self._unplannable:
            return Sentence("it does not fit", "il ne tient pas")
        return Sentence("it ended", "il s’est arrêté") if self.model == self._dies else None

    def is_loaded(self) -> bool:
        return self.model not in (self._dies, self._unplannable, self._stuck)

    def ask_for_a_token(self) -> None:
        self.did.append("ask")

    def outcome(self) -> Sentence | None:
        return Sentence("no token", "aucun jeton") if self.model == self._mute else NOTHING


def carry_through(
    seat: FakeSeat, fallbacks: tuple[str, ...] = ("before", "factory"), step_s: float = 1.0
) -> tuple[ModelChange, list[ChangeStatus]]:
    told: list[ChangeStatus] = []
    change = ModelChange(
        seat, request_id="1", wanted="new", fallbacks=fallbacks, note=told.append, now_s=0.0
    )
    now_s = 0.0
    for _ in range(10_000):
        if change.tick(now_s) is None:
            return change, told
        now_s += step_s
    raise AssertionError("the change does not end")


def phases(told: list[ChangeStatus]) -> list[Phase]:
    return list(dict.fromkeys(status.phase for status in told))


def test_a_model_that_writes_a_token_stays() -> None:
    seat = FakeSeat()
    change, told = carry_through(seat)
    assert seat.did == ["close", "load new", "ask"]
    assert phases(told) == [Phase.DRAINING, Phase.LOADING, Phase.TRYING, Phase.DONE]
    assert change.loaded == "new"


def test_nothing_is_loaded_before_the_last_answer_is_finished() -> None:
    seat = FakeSeat(num_open=(3, 2, 0, 1, 1, 0))
    _, told = carry_through(seat)
    assert [status.num_open for status in told if status.phase is Phase.DRAINING] == [
        0, 3, 2, 0, 1, 1, 0,
    ]  # fmt: skip
    assert seat.did == ["close", "load new", "ask"]


def test_answers_that_never_end_are_waited_for_five_minutes() -> None:
    seat = FakeSeat(num_open=(1,) * 1000)
    _, told = carry_through(seat)
    assert 300 <= sum(status.phase is Phase.DRAINING for status in told) <= 303


@pytest.mark.parametrize(
    ("fault", "reason", "french"),
    [
        ({"unplannable": "new"}, "it does not fit", "il ne tient pas"),
        ({"dies": "new"}, "it ended", "il s’est arrêté"),
        ({"mute": "new"}, "no token", "aucun jeton"),
        ({"stuck": "new"}, "not loaded within 900", "au bout de 900"),
    ],
)
def test_a_model_that_does_not_work_gives_way_to_the_one_before(
    fault: dict[str, str], reason: str, french: str
) -> None:
    seat = FakeSeat(**fault)  # type: ignore[arg-type]
    change, told = carry_through(seat)
    assert seat.did[-1] == "load before"
    assert change.loaded == "before"
    assert phases(told)[-2:] == [Phase.RETURNING, Phase.FAILED]
    assert reason in told[-1].reason.text
    assert french in told[-1].reason.text_fr


def test_where_the_one_before_is_gone_too_the_factory_model_answers() -> None:
    change, told = carry_through(FakeSeat(unplannable="new", dies="before"))
    assert change.loaded == "factory"
    assert told[-1].phase is Phase.FAILED
    assert told[-1].reason.text == "it does not fit"


def test_a_change_ends_even_if_nothing_can_be_loaded() -> None:
    change, _ = carry_through(FakeSeat(mute="new"), fallbacks=())
    assert change.phase is Phase.FAILED


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    store = Store(tmp_path / "models")
    for name, content in (("new", b"1"), ("other", b"2"), ("letters", b"3")):
        with store.lease() as lease:
            file = StoredFile(sha256=content.hex().zfill(64), size_bytes=1)
            copy = lease.new_file()
            copy.write_bytes(content)
            store.add(lease, file, copy)
            adapter = name == "letters"
            store.publish(
                Manifest(
                    name=name,
                    files=(file,),
                    facts=Facts(kind="adapter" if adapter else "model", architecture="llama"),
                    source="import",
                    added="",
                    base="new" if adapter else None,
                )
            )
    return tmp_path


def make_use(data_dir: Path, seat: FakeSeat, *, model: str | None = None) -> ModelUse:
    clock = iter(range(100_000))
    config = Config(
        data_dir=data_dir, runtime_dir=data_dir / "run", profiles_dir=data_dir, model=model
    )
    ticking: Callable[[], float] = lambda: float(next(clock))  # noqa: E731
    return ModelUse(config, seat, clock=ticking)


def ask(model_use: ModelUse, data_dir: Path, name: str) -> str:
    request_id = ask_for_model(data_dir / "run", name)
    assert request_id is not None
    model_use.take_request()
    return request_id


def finish(model_use: ModelUse) -> None:
    while model_use.tick() is not None:
        pass


def test_a_wish_is_carried_through_and_remembered(data_dir: Path) -> None:
    seat = FakeSeat()
    model_use = make_use(data_dir, seat)
    request_id = ask(model_use, data_dir, "new")
    finish(model_use)
    model_use.close()
    status = read_status(data_dir / "run", request_id)
    assert status is not None
    assert status.phase is Phase.DONE
    assert Store(data_dir / "models").chosen() == "new"


def test_what_does_not_work_is_not_remembered(data_dir: Path) -> None:
    model_use = make_use(data_dir, FakeSeat(mute="new"))
    request_id = ask(model_use, data_dir, "new")
    finish(model_use)
    model_use.close()
    status = read_status(data_dir / "run", request_id)
    assert status is not None
    assert status.phase is Phase.FAILED
    assert Store(data_dir / "models").chosen() is None


def test_the_last_of_several_wishes_wins(data_dir: Path) -> None:
    seat = FakeSeat()
    model_use = make_use(data_dir, seat)
    ask(model_use, data_dir, "new")
    model_use.tick()
    ask(model_use, data_dir, "factory")
    ask(model_use, data_dir, "other")
    finish(model_use)
    model_use.close()
    assert [each for each in seat.did if each.startswith("load")] == ["load new", "load other"]
    assert Store(data_dir / "models").chosen() == "other"


@pytest.mark.parametrize(
    ("name", "model", "why"),
    [("absent", None, "No model"), ("letters", None, "adapter"), ("new", "x.gguf", "--model")],
)
def test_a_wish_that_cannot_be_granted_disturbs_nobody(
    data_dir: Path, name: str, model: str | None, why: str
) -> None:
    seat = FakeSeat()
    model_use = make_use(data_dir, seat, model=model)
    request_id = ask(model_use, data_dir, name)
    finish(model_use)
    model_use.close()
    status = read_status(data_dir / "run", request_id)
    assert status is not None
    assert status.phase is Phase.FAILED
    assert why in status.reason.text
    assert status.reason.text_fr != status.reason.text
    assert seat.did == []


def test_a_chosen_model_that_ends_the_engine_each_time_is_given_up_once(data_dir: Path) -> None:
    Store(data_dir / "models").choose("new")
    seat = FakeSeat()
    model_use = make_use(data_dir, seat)
    model_use.give_up_chosen()
    model_use.give_up_chosen()
    assert model_use.is_busy
    finish(model_use)
    model_use.give_up_chosen()
    finish(model_use)
    model_use.close()
    assert [each for each in seat.did if each.startswith("load")] == ["load factory"]
    assert Store(data_dir / "models").chosen() is None


def test_a_model_of_the_command_line_is_not_given_up(data_dir: Path) -> None:
    Store(data_dir / "models").choose("new")
    model_use = make_use(data_dir, FakeSeat(), model="x.gguf")
    model_use.give_up_chosen()
    assert not model_use.is_busy
    model_use.close()


def test_without_a_box_nobody_is_asked(tmp_path: Path) -> None:
    assert ask_for_model(tmp_path, "new") is None
    left = RequestSocket(tmp_path)
    left._socket.close()  # as after a kill: the file stays
    assert ask_for_model(tmp_path, "new") is None


def test_another_requests_status_is_nobodys(tmp_path: Path) -> None:
    write_status(tmp_path, ChangeStatus(request_id="1", wanted="new", phase=Phase.DONE))
    assert read_status(tmp_path, "2") is None
    (tmp_path / "model-change.json").write_bytes(b"{")
    assert read_status(tmp_path, "1") is None


def test_nonsense_on_the_socket_is_no_request(tmp_path: Path) -> None:
    with_socket = RequestSocket(tmp_path)
    assert with_socket.next_request() is None
    with_socket.close()
