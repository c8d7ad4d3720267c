# SPDX-License-Identifier: Apache-2.0
from atre.discovery.responder import Advertisement, Event, OnEvent, Outcome


class MemoryLan:
    """A LAN without a network: who announced what. For tests and demonstrations."""

    def __init__(self) -> None:
        self.announced: dict[MemoryResponder, Advertisement] = {}

    def instances(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Host name and addresses by shown name, as a browser would list them."""
        return {
            service.instance: (advertisement.host_name, advertisement.addresses)
            for advertisement in self.announced.values()
            for service in advertisement.services
        }


class MemoryResponder:
    """The Responder that ships for tests: names are taken on a MemoryLan shared by several."""

    name = "memory"

    def __init__(self, lan: MemoryLan, on_event: OnEvent) -> None:
        self._lan = lan
        self._on_event = on_event

    async def announce(self, advertisement: Advertisement) -> Outcome:
        others = [other for who, other in self._lan.announced.items() if who is not self]
        self._lan.announced.pop(self, None)
        if any(other.host_label == advertisement.host_label for other in others):
            return Outcome.HOST_TAKEN
        names = {service.instance for service in advertisement.services}
        if any(names & {service.instance for service in other.services} for other in others):
            return Outcome.INSTANCE_TAKEN
        self._lan.announced[self] = advertisement
        return Outcome.ANNOUNCED

    async def close(self) -> None:
        self._lan.announced.pop(self, None)

    def contest(self) -> None:
        """Play a neighbour that starts using our names."""
        self._on_event(Event.CONFLICT)
