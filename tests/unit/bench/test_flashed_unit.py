# SPDX-License-Identifier: Apache-2.0
"""A flashed unit tests and seals itself, from the stick's file to the reseller's records."""

import re
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.bench.flashed import CODE, DOUBT, ORDERED, FakeTest, Off, phase, provision, start

from atre.atred.bench_start import BenchStart
from atre.burn_in.report import read_signed
from atre.choices.owner_mark import set_mark
from atre.choices.unit_file import adopted, in_toml
from atre.cli import main as atre
from atre.config import Config
from atre.errors import BurnInError, ConfigError
from atre.ipc.message import Message
from atre.ipc.model_messages import ModelChangeReport, ModelListing, ModelRequest
from atre.ipc.model_messages import Phase as ChangePhase
from atre.models.manifest import FACTORY
from atre.provision import bench, record
from atre.provision.apply import apply_files
from atre.provision.bench import Order, Phase
from atre.sealing.certificate import read_certificate
from atre.sealing.traces import traces
from atre.stick.names import SWEEP
from atre_web.accounts import claim, claim_code
from atre_web.accounts.claim import Form, Taken
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door

# The order


def test_a_file_orders_it_once_and_another_attempt_again(config: Config) -> None:
    provision(config)
    assert phase(config) is Phase.WAITING
    bench.forget(config.data_dir)
    unit = adopted(config.data_dir)
    assert unit
    again = f"format = 1\n{ORDERED}\n[unit]\n{in_toml(unit)}".encode()
    assert apply_files(config.data_dir, again, None) is False
    assert phase(config) is None
    for name in ("burn-in.json", "sealed.json"):
        (config.data_dir / "factory" / name).write_text("before")
    provision(config, f"{ORDERED}attempt = 2\n")
    assert phase(config) is Phase.WAITING
    assert not list((config.data_dir / "factory").glob("*n.json")), "what it said counts no more"
    assert not (config.data_dir / "factory" / "sealed.json").exists()


def test_a_box_with_an_owner_takes_no_order(config: Config) -> None:
    open_door(config, run_key=False)
    set_mark(config.state_dir, waits=False)
    with pytest.raises(ConfigError, match="has an owner already"):
        provision(config)
    assert phase(config) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[bench]\nseal = true", "bench.seal: a unit without [unit]"),
        ("[bench]\nburn_in_minutes = 0", "bench.burn_in_minutes"),
        ("[bench]\nburn_in_minutes = 1e9", "bench.burn_in_minutes"),
        ("[bench]\nburn_in = 30", "bench: there is no key 'burn_in'"),
        ("[bench]\nattempt = 0", "bench.attempt"),
    ],
)
def test_an_order_that_makes_no_sense_is_one_sentence(config: Config, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        apply_files(config.data_dir, f"format = 1\n{text}\n".encode(), None)
    assert caught.value.french != str(caught.value)


@pytest.mark.parametrize("busy", [Phase.RUNNING, Phase.SEALING])
def test_nothing_else_is_ordered_of_a_unit_that_is_at_it(
    config: Config, busy: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atre.provision.apply.boot_id", lambda: "this")
    order = Order(burn_in_minutes=1, seal=True, phase=busy, boot_id="this")
    bench.write(config.data_dir, order)
    with pytest.raises(ConfigError, match="is being tested or sealed"):
        provision(config)
    assert bench.read(config.data_dir) == order


# What comes of it


def test_a_unit_that_passed_is_sealed_and_goes_off(config: Config, place: Path) -> None:
    open_door(config, run_key=False)  # it served before the stick came
    for name in ("logs/atred.log", "tls/ca.key", "state/box-id", "state/stick.json"):
        (config.data_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (config.data_dir / name).write_text("of the bench")
    provision(config)
    assert start(config, place, FakeTest()) is None
    assert (place / SWEEP).exists()
    assert phase(config) is Phase.SEALING, "root removes it last"
    kept = {
        str(path.relative_to(config.data_dir))
        for path in config.data_dir.rglob("*")
        if path.is_file()
    }
    assert kept == {
        "state/provision.json", "factory/serial", "factory/host-name", "factory/claim-code",
        "factory/unit.key", "factory/burn-in.json", "factory/sealed.json", "factory/bench.json",
    }  # fmt: skip
    certificate = read_certificate(config.data_dir / "factory" / "sealed.json")
    assert (certificate.serial, certificate.name) == ("AT-0001", "atre-7f3a")
    assert certificate.key == read_signed(config.data_dir / "factory/burn-in.json").unit.key


def test_a_stick_that_was_pulled_out_holds_nothing_up_for_ever(config: Config, place: Path) -> None:
    provision(config)
    assert start(config, place, FakeTest(), has_stick=False) is None
    assert {path.name for path in place.iterdir()} == {
        SWEEP, "AT-0001-burn-in.json.to-stick", "AT-0001-sealed.json.to-stick",
    }  # fmt: skip


def test_a_unit_that_cannot_go_off_serves_again_and_says_so(config: Config, place: Path) -> None:
    provision(config)
    assert start(config, place, FakeTest(), goes_off=False) is True
    order = bench.read(config.data_dir)
    assert order
    assert order.phase is Phase.ENDED
    assert "did not go off" in order.said[0].text
    assert not (config.data_dir / "factory" / "sealed.json").exists()


def test_the_label_s_code_claims_a_unit_that_sealed_itself(config: Config, place: Path) -> None:
    provision(config)
    start(config, place, FakeTest())
    bench.forget(config.data_dir)
    test = FakeTest()
    assert start(config, place, test) is True
    assert not test.orders, "the office's first start tests nothing"
    door = open_door(config, run_key=False, uptime=lambda: 1.0)
    assert (door.claim_code, door.claim_path) == (None, "/claim")
    form = Form(
        code=claim_code.printed(CODE), name="Marie", login="marie",
        password="quatre mots à la suite", office="",
    )  # fmt: skip
    with closing(connect(config.data_dir / "atre.db")) as connection:
        taken = claim.take(connection, form, is_on_link=True, now=1e9, uptime=2.0)
    assert isinstance(taken, Taken)


@pytest.mark.parametrize(
    ("test", "has_passed"),
    [(FakeTest(DOUBT), True), (FakeTest(DOUBT, has_passed=False), False)],
)
def test_a_doubt_or_a_fault_keeps_the_unit_on_and_unsealed(
    config: Config, place: Path, test: FakeTest, *, has_passed: bool
) -> None:
    provision(config)
    assert start(config, place, test) is True
    order = bench.read(config.data_dir)
    assert order
    assert (order.phase, order.has_passed, order.said) == (Phase.ENDED, has_passed, (DOUBT,))
    assert not (place / SWEEP).exists()
    assert (place / "AT-0001-burn-in.json.to-stick").exists()
    assert not (config.data_dir / "factory" / "sealed.json").exists()
    assert start(config, place, test) is True
    assert len(test.orders) == 1, "nothing goes on by itself"
    # A person looked, and orders the sealing alone: a fault still stands in the way.
    provision(config, "[bench]\nseal = true\nattempt = 2\n")
    assert start(config, place, test) is (None if has_passed else True)
    assert (place / SWEEP).exists() is has_passed
    assert len(test.orders) == 1


def test_a_unit_that_is_not_to_be_sealed_is_only_tested(config: Config, place: Path) -> None:
    provision(config, "[bench]\nburn_in_minutes = 5\n")
    assert start(config, place, FakeTest()) is True
    assert phase(config) is Phase.ENDED
    assert not (place / SWEEP).exists()


def test_a_test_that_lost_power_is_told_and_not_repeated(config: Config, place: Path) -> None:
    provision(config)
    running = Order(burn_in_minutes=30, seal=True, phase=Phase.RUNNING, boot_id="before")
    bench.write(config.data_dir, running)
    test = FakeTest()
    for _ in range(2):
        assert start(config, place, test) is True
    assert phase(config) is Phase.CUT
    assert not test.orders
    provision(config, f"{ORDERED}attempt = 2\n")
    start(config, place, test)
    assert test.orders[0].cuts == 1


def test_a_stick_that_is_read_before_the_box_starts_forgets_no_cut(config: Config) -> None:
    running = Order(burn_in_minutes=30, seal=True, phase=Phase.RUNNING, boot_id="before")
    bench.write(config.data_dir, running)
    provision(config, f"{ORDERED}attempt = 2\n")
    order = bench.read(config.data_dir)
    assert order
    assert (order.phase, order.cuts) == (Phase.WAITING, 1)


def test_a_shutdown_ends_the_test_and_counts_as_no_cut(config: Config, place: Path) -> None:
    provision(config)
    assert start(config, place, FakeTest(stops=True)) is False
    order = bench.read(config.data_dir)
    assert order
    assert (order.phase, order.cuts) == (Phase.STOPPED, 0)
    assert start(config, place, FakeTest(stops=True)) is True


def test_an_owner_in_between_ends_all_of_it(config: Config, place: Path) -> None:
    provision(config)
    open_door(config, run_key=False)
    set_mark(config.state_dir, waits=False)
    test = FakeTest()
    assert start(config, place, test) is True
    assert phase(config) is None
    assert not test.orders


def test_an_unknown_end_of_the_test_is_no_pass(config: Config, place: Path) -> None:
    class _Broken(FakeTest):
        def __call__(self, config: Config, order: Order) -> Order:
            del config, order
            raise BurnInError("The key is gone.", "La clé a disparu.")

    provision(config)
    assert start(config, place, _Broken()) is True
    order = bench.read(config.data_dir)
    assert order
    assert (order.phase, order.has_passed) == (Phase.ENDED, False)
    assert order.said[0].text == "The key is gone."


def test_a_machine_that_is_no_appliance_does_not_seal_itself(
    config: Config, tmp_path: Path
) -> None:
    provision(config)
    assert start(config, tmp_path / "none", FakeTest()) is True
    order = bench.read(config.data_dir)
    assert order
    assert "type: atre seal" in order.said[0].text
    assert CliRunner().invoke(atre, ["seal", "--data-dir", str(config.data_dir)]).exit_code == 0
    assert phase(config) is None, "nothing of it is told at the office"


def test_sealing_goes_on_wherever_the_power_was_cut(
    config: Config, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_door(config, run_key=False)
    provision(config)
    left = traces(config.data_dir, config.data_dir / "models" / "partial")
    assert len(left) > 2
    whole = config.data_dir.with_name("whole")
    shutil.copytree(config.data_dir, whole)
    for count in range(len(left) + 1):
        shutil.rmtree(config.data_dir)
        shutil.copytree(whole, config.data_dir)
        with monkeypatch.context() as patch:
            patch.setattr("atre.sealing.seal.remove", _cut_after(count))
            assert start(config, place, FakeTest()) is None
        assert phase(config) is Phase.SEALING
        test = FakeTest()
        assert start(config, place, test) is None
        assert not test.orders
        assert not (config.data_dir / "atre.db").exists()
        assert (config.data_dir / "factory" / "sealed.json").exists()
        (place / SWEEP).unlink()


def _cut_after(count: int) -> Callable[[list[Path]], list[Path]]:
    def remove(paths: list[Path]) -> list[Path]:
        for path in paths[:count]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise Off

    return remove


# The model that was ordered


class _Models:
    def __init__(self, chosen: str, change: ChangePhase | None = None) -> None:
        self.chosen, self.change = chosen, change

    def answer(self, _request: ModelRequest) -> Message:
        return ModelListing(
            chosen=self.chosen, stored=[], unfinished=[], job=None, free_bytes=0, is_fixed=False,
            change=ModelChangeReport(wanted="m", phase=self.change) if self.change else None,
        )  # fmt: skip


MODEL = f'{ORDERED}[model]\npreload = "qwen3-8b"\n'


def test_the_test_waits_for_the_model_that_was_ordered(config: Config, place: Path) -> None:
    provision(config, MODEL)
    test = FakeTest()
    assert start(config, place, test) is True
    assert phase(config) is Phase.WAITING
    record.model_has_come(config.state_dir)
    # It did not become the box's model: that is tested, and not sold.
    assert start(config, place, test) is True
    assert len(test.orders) == 1
    order = bench.read(config.data_dir)
    assert order
    assert "qwen3-8b, does not answer" in order.said[0].text


@pytest.mark.parametrize(
    ("models", "begins"),
    [
        (_Models("qwen3-8b"), True),
        (_Models("qwen3-8b", ChangePhase.DONE), True),
        (_Models(FACTORY), False),
        (_Models(FACTORY, ChangePhase.LOADING), False),
        (_Models("qwen3-8b", ChangePhase.TRYING), False),
        (_Models(FACTORY, ChangePhase.FAILED), True),
    ],
)
def test_the_box_starts_anew_for_it_once_the_model_answers(
    config: Config, models: _Models, *, begins: bool
) -> None:
    provision(config, MODEL)
    restarts: list[int] = []
    look = BenchStart(config.data_dir, models, lambda: restarts.append(1)).look
    look()
    assert not restarts, "it is not there yet"
    record.model_has_come(config.state_dir)
    look()
    assert bool(restarts) is begins
    bench.forget(config.data_dir)
    restarts.clear()
    look()
    assert not restarts
