# SPDX-License-Identifier: Apache-2.0
"""The certificates of a box: its own authority's, and one that its owner brought."""

from atre.certificate.own import ensure_certificate

__all__ = ["ensure_certificate"]
