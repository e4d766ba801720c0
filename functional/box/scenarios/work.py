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

"""Operations that Cinder is asked for, and where each of them stands."""

import dataclasses
import uuid

import openstack

from functional.services import waiting

#: The state that an operation leaves when its service dies, by its name.
STATES = {
    'create': 'creating', 'clone': 'creating', 'clone, full': 'creating',
    'from snapshot': 'creating', 'from snapshot, full': 'creating',
    'snapshot': 'creating', 'delete volume': 'deleting',
    'delete snapshot': 'deleting', 'extend': 'extending',
    'from image': 'downloading', 'to image': 'uploading',
    'to another pool': 'retyping'}
#: What Cinder's own cleaning makes of that; None when it is gone. It leaves
#: others as they are.
CLEANED = {
    'create': 'error', 'clone': 'error', 'clone, full': 'error',
    'from snapshot': 'error', 'from snapshot, full': 'error',
    'snapshot': 'error', 'from image': 'error', 'delete volume': None}
DELETIONS = ('delete volume', 'delete snapshot')
_HEADER = 'X-OpenStack-Request-ID'


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operation that Cinder was asked for.

    :ivar what: its name, one of STATES
    :ivar kind: volume or snapshot
    :ivar id: id of what is made or changed
    :ivar request: id of the request, which is in the logs of who works on it
    :ivar bytes_of: what its data has to be afterwards; empty for zeros
    :ivar image: id of an image that is made
    """

    what: str
    kind: str
    id: str
    request: str
    bytes_of: str = ''
    image: str = ''

    @property
    def name(self):
        """The name of what is made or changed, on the cluster."""
        return '%s-%s' % (self.kind, self.id)


class Ledger(object):
    """Asks for operations, and looks after them."""

    def __init__(self, volumes):
        """Have none.

        :param volumes: the Block Storage API of openstacksdk
        """
        self._volumes = volumes
        self.operations = []

    def ask(self, what, call, *args, bytes_of='', kind='volume', **kwargs):
        """Ask for an operation.

        :param what: its name, one of STATES
        :param call: what asks: its answer or its first argument is what the
                     operation is about
        :param args: its arguments
        :param bytes_of: see Operation
        :param kind: see Operation
        :param kwargs: more arguments
        """
        request = 'req-%s' % uuid.uuid4()
        headers = self._volumes.additional_headers
        headers[_HEADER] = request
        try:
            answer = call(*args, **kwargs)
        finally:
            del headers[_HEADER]
        self.operations.append(Operation(
            what, kind, args[0].id if args else answer.id, request, bytes_of,
            answer['image_id'] if what == 'to image' else ''))

    def of(self, log):
        """The operations that a service works on.

        :param log: what it has logged
        """
        return [one for one in self.operations if one.request in log]

    def state(self, one):
        """The state of what an operation is about, None when it is gone."""
        get = getattr(self._volumes, 'get_' + one.kind)
        try:
            return get(one.id).status
        except openstack.exceptions.NotFoundException:
            return None

    def states(self, operations):
        """The states of what some operations are about.

        :param operations: the operations
        :returns: a dict of (name of the operation, id) to state
        """
        return {(one.what, one.id): self.state(one) for one in operations}

    @staticmethod
    def expected(operations, states):
        """The same, as it has to be.

        :param operations: the operations
        :param states: a dict of the operation's name to state; an operation
                       that is not in it is as it was when its service died
        """
        return {(one.what, one.id): states.get(one.what, STATES[one.what])
                for one in operations}

    def all_ended(self, operations):
        """Tell whether operations have ended well; for waiting.wait_for().

        :param operations: the operations
        """
        wanted = {one: None if one.what in DELETIONS else 'available'
                  for one in operations}
        open_ = {(one.what, one.id): state for one, right in wanted.items()
                 if (state := self.state(one)) != right}
        if open_:
            raise waiting.NotYet(open_)
        return True
