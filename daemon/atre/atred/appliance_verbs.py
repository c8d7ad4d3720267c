# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` does about the machine: each of ``atre.ipc.appliance_messages``, one reply."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from atre.config import Config
from atre.disks.data_partition import data_problem
from atre.disks.health import Disks
from atre.errors import EngineUnavailableError, StorageError
from atre.ipc.appliance_messages import (
    Appliance,
    ApplianceRequest,
    ChangeNetwork,
    ConfirmNetwork,
    DescribeAppliance,
    FactoryReset,
    OrderFactoryReset,
    PresenceUsed,
    TakeBackFactoryReset,
    TakeBackNetwork,
    UsePresenceCode,
)
from atre.ipc.message import Message
from atre.network.change import NetworkTrial
from atre.network.link import NetworkdLink
from atre.reset import factory, order, presence
from atre.reset.presence import Uptime
from atre.sentence import Sentence
from atre.stick.names import factory_reset, lost_password

# Made by image-build; a machine that only runs the service has none.
_IMAGE_MARK = Path("/usr/lib/atre/image")


class ApplianceVerbs:
    """Answers requests about the machine; safe to call from several threads.

    ``restart`` has the whole box start anew; it raises EngineUnavailableError where nobody can.
    """

    def __init__(
        self,
        config: Config,
        restart: Callable[[], None],
        *,
        trial: NetworkTrial | None = None,
        disks: Disks | None = None,
        uptime: Callable[[], Uptime] = presence.uptime,
        now: Callable[[], float] = time.time,
        image_mark: Path = _IMAGE_MARK,
    ) -> None:
        self._config, self._restart = config, restart
        self._trial = trial or NetworkTrial(config.state_dir, NetworkdLink())
        self._disks = disks or Disks(config.state_dir)
        self._uptime, self._now, self._image_mark = uptime, now, image_mark
        self._verbs: dict[type, Callable[..., Message]] = {
            DescribeAppliance: lambda _: self.describe(),
            OrderFactoryReset: self._order_reset,
            TakeBackFactoryReset: self._take_back_reset,
            ChangeNetwork: self._change_network,
            ConfirmNetwork: self._confirm_network,
            TakeBackNetwork: self._take_back_network,
            UsePresenceCode: self._use_code,
        }

    def start(self) -> None:
        self._trial.start()

    def close(self) -> None:
        self._trial.close()

    def answer(self, request: ApplianceRequest) -> Message:
        """The reply. Raises RequestError and StorageError."""
        return self._verbs[type(request)](request)

    def disk_issues(self) -> list[Sentence]:
        """What people should know of the disks, for the home page."""
        disks, _ = self._disks.look()
        return [finding.sentence for disk in disks for finding in disk.findings]

    def describe(self) -> Appliance:
        data_dir = self._config.data_dir
        serial = factory.serial(data_dir)
        disks, disk_problem = self._disks.look()
        return Appliance(
            is_image=self._image_mark.exists(),
            serial=serial,
            factory_reset=order.read(data_dir),
            presence=presence.state(self._config.state_dir, self._uptime(), self._now()),
            lost_password_file=lost_password(serial),
            reset_file=factory_reset(serial),
            network=self._trial.state(),
            disks=disks,
            disk_problem=disk_problem,
            data_problem=data_problem(),
        )

    def _order_reset(self, request: OrderFactoryReset) -> Appliance:
        factory.check_typed(self._config.data_dir, request.typed)
        try:
            given = FactoryReset(ordered_at=self._now(), by=request.by)
            order.give(self._config.data_dir, given)
        except OSError as error:
            raise _unwritten(error) from error
        described = self.describe()
        if request.restart:
            # Whoever starts a box that nobody watches over carries it out then.
            with contextlib.suppress(EngineUnavailableError):
                self._restart()
        return described

    def _take_back_reset(self, _: TakeBackFactoryReset) -> Appliance:
        try:
            order.take_back(self._config.data_dir)
        except OSError as error:
            raise _unwritten(error) from error
        return self.describe()

    def _change_network(self, request: ChangeNetwork) -> Appliance:
        self._trial.change(request.settings)
        return self.describe()

    def _confirm_network(self, request: ConfirmNetwork) -> Appliance:
        self._trial.confirm(request.id)
        return self.describe()

    def _take_back_network(self, _: TakeBackNetwork) -> Appliance:
        self._trial.take_back()
        return self.describe()

    def _use_code(self, request: UsePresenceCode) -> PresenceUsed:
        return PresenceUsed(
            means=presence.use(self._config.state_dir, request.code, self._uptime())
        )


def _unwritten(error: OSError) -> StorageError:
    return StorageError(
        f"The order cannot be written ({error}). Free some disk space.",
        f"L’ordre ne peut pas être écrit ({error}). Libérez de la place sur le disque.",
    )
