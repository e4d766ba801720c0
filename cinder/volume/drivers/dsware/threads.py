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

"""Work that the driver does beside Cinder's requests."""

from collections.abc import Callable
import threading


def start(name: str, context, target: Callable, *args) -> threading.Thread:
    """Start a thread whose records in the log have a request id.

    A thread has no context of its own, and what it logs could not be told
    from what others log at that time.

    :param name: the thread's name
    :param context: whose request id it has, that of what it asks other
        services for, too
    :param target: what it does
    :param args: for the target
    :returns: the thread, started; it ends with the process
    """
    def run():
        context.update_store()
        target(*args)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
