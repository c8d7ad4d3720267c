# SPDX-License-Identifier: Apache-2.0
"""``make bench``: this engine and llama-server side by side, on one machine, by one client."""
