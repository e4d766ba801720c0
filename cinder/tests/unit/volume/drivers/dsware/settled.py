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

"""Lets a start wait for what it settles in the background."""

from unittest import mock

from cinder.volume.drivers.dsware import threads

_SECONDS = 60
_WHERE = 'cinder.volume.drivers.dsware.%s.threads'


def at_once(test):
    """Have each start be over when nothing is settled any more.

    Cinder's tests have one connection to SQLite, which two threads must not
    use at the same time.

    :param test: the test
    """
    def start(*args):
        thread = threads.start(*args)
        thread.join(_SECONDS)
        return thread

    for module in ('settling', 'cluster_recovery'):
        patcher = mock.patch(_WHERE % module, mock.Mock(start=start))
        patcher.start()
        test.addCleanup(patcher.stop)
