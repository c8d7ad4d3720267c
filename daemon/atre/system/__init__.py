# SPDX-License-Identifier: Apache-2.0
"""What the operating system gives to every process: durable files, notices, time."""
