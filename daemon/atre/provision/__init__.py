# SPDX-License-Identifier: Apache-2.0
"""What a reseller or an office sets up beforehand, in one file: ``atre-provision.toml``."""
