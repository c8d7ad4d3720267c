# SPDX-License-Identifier: Apache-2.0
import socket

from atre_web.worker import PATIENCE_S, PatientSocket


def test_a_blocking_socket_waits_for_a_while_only() -> None:
    ours, theirs = socket.socketpair()
    with PatientSocket(fileno=ours.detach()) as patient, theirs:
        patient.setblocking(True)
        assert patient.gettimeout() == PATIENCE_S
        patient.setblocking(False)
        assert patient.gettimeout() == 0.0
