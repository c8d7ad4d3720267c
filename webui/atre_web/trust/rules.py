# SPDX-License-Identifier: Apache-2.0
"""What a device needs before it can trust the box; all of it is public."""

PAGE = "/trust"
PEM = "/ca.crt"
DER = "/ca.cer"
PROFILE = "/atre.mobileconfig"

TRUST_RULES = frozenset({PAGE, PEM, DER, PROFILE})
