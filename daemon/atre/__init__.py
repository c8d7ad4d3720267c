# SPDX-License-Identifier: Apache-2.0
from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("atre")
