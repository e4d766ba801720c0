# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Waiting for something to come true, never longer than allowed."""

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import time


@dataclasses.dataclass(frozen=True)
class Waits:
    """How long the connector waits, in seconds.

    :param device: for the device of an attached volume
    :param link: for the stable name of a device that is there
    :param busy: for short-lived users, such as udev, to close a device
    :param removal: for the device of a detached volume to go away
    :param growth: for a device to get its volume's new size
    :param command: for repeating a command that was refused for now
    :param lock: for other processes that attach or detach the same volume
    :param flush: for what was written to a device to reach its volume
    """

    device: float = 30
    link: float = 5
    busy: float = 5
    removal: float = 30
    growth: float = 30
    command: float = 120
    lock: float = 600
    flush: float = 300


def pauses(timeout: float, first: float = 0.05,
           most: float = 2) -> Iterator[None]:
    """Loop at growing intervals, at least once, until the time is over."""
    deadline = time.monotonic() + timeout
    pause = first
    yield
    while time.monotonic() < deadline:
        time.sleep(min(pause, max(0, deadline - time.monotonic())))
        pause = min(2 * pause, most)
        yield


def until(condition: Callable, timeout: float):
    """Wait for a condition; gives what it returned last."""
    end = time.monotonic() + timeout
    for _round in pauses(timeout):
        began = time.monotonic()
        result = condition()
        if result:
            return result
    # Where one look took all the time, there was none at its end yet.
    return result if began >= end else condition()
