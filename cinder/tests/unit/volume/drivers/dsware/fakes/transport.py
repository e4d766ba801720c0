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

"""A transport without a socket, and what goes wrong with its requests."""

import dataclasses

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next requests of an operation.

    :ivar op: the operation; a part of the name is enough
    :ivar kind: one of the names in FakeTransport
    :ivar value: what the kind needs, for example a result code
    :ivar times: how many requests it hits
    :ivar skip: how many requests pass before
    :ivar name: only requests about this object
    """

    op: str
    kind: str
    value: object = None
    times: int = 1
    skip: int = 0
    name: str = ''

    def hits(self, request):
        if self.op not in request.op or self.name not in request.name:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if not self.times:
            return False
        self.times -= 1
        return True


class Peer:
    """What carries requests out, and what goes wrong on their way there.

    :param clock: the clock that requests take their time from
    :ivar faults: a :class:`Fault` each
    :ivar dead: addresses of agents that cannot be reached
    :ivar requests: all that were sent, each with its agent
    :ivar latency: seconds that each takes
    """

    def __init__(self, clock):
        self.clock = clock
        self.faults = []
        self.dead = set()
        self.requests = []
        self.latency = 0.01

    def transport(self, endpoint):
        """Make a transport to an agent."""
        return FakeTransport(self, endpoint)

    def carry_out(self, request, endpoint):
        """Carry out a request.

        :param request: the request
        :param endpoint: the agent that it was sent to
        :returns: the result code and the records
        """
        raise NotImplementedError

    def fail(self, op, kind, value=None, **kwargs):
        """Make the next request of an operation fail.

        :param op: the operation
        :param kind: see FakeTransport
        :param value: what the kind needs
        """
        self.faults.append(Fault(op, kind, value, **kwargs))

    def ops(self):
        """Tell which operations were asked for, in order."""
        return [request.op for request, _endpoint in self.requests]

    def count(self, op):
        return self.ops().count(op)


class FakeTransport:
    """Carries requests to a :class:`Peer`, with its faults."""

    def __init__(self, peer, endpoint):
        self.peer = peer
        self.endpoint = endpoint
        self.closed = False
        self.deadlines = []

    def exchange(self, request, deadline):
        peer = self.peer
        peer.requests.append((request, self.endpoint))
        self.deadlines.append(deadline)
        peer.clock.now += peer.latency
        if self.endpoint.host in peer.dead:
            yield from self._unsent(request, deadline, None)
        for fault in list(peer.faults):
            if fault.hits(request):
                yield from getattr(self, '_' + fault.kind)(
                    request, deadline, fault.value)
                return
        yield from self._answer(request)

    def _answer(self, request):
        result, records = self.peer.carry_out(request, self.endpoint)
        yield protocol.Frame(1, result, 'as asked', False, records)

    def _unknown(self, request):
        return exceptions.OutcomeUnknown(
            op=request.op, name=request.name, desc='no valid answer',
            endpoint=str(self.endpoint))

    def _unsent(self, request, deadline, value):
        """No byte of the request leaves."""
        raise exceptions.EndpointUnavailable(
            desc='cannot connect', endpoint=str(self.endpoint))
        yield

    def _lost(self, request, deadline, value):
        """The request is lost on its way."""
        raise self._unknown(request)
        yield

    def _unanswered(self, request, deadline, value):
        """The request is carried out, the answer is lost."""
        list(self._answer(request))
        raise self._unknown(request)
        yield

    def _silent(self, request, deadline, value):
        """The request is carried out; nothing is heard of it."""
        list(self._answer(request))
        yield from self._hangs(request, deadline, value)

    def _hangs(self, request, deadline, value):
        """Nothing is heard until the time is over."""
        self.peer.clock.now += deadline.remaining
        raise self._unknown(request)
        yield

    def _result(self, request, deadline, value):
        """A result code, nothing is carried out."""
        yield protocol.Frame(1, value, 'refused', False, [])

    def _late_result(self, request, deadline, value):
        """A result code, though it is carried out."""
        list(self._answer(request))
        yield protocol.Frame(1, value, 'in doubt', False, [])

    def _records(self, request, deadline, value):
        """Other records than the cluster has."""
        yield protocol.Frame(1, 0, '', False, value)

    def _frames(self, request, deadline, value):
        """Frames, or an error in place of one."""
        for item in value:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _interrupted(self, request, deadline, value):
        """What is no Exception, after the request was carried out."""
        list(self._answer(request))
        raise fakes.Interrupted()
        yield

    def _stopped(self, request, deadline, value):
        """What is no Exception, before the request was carried out."""
        raise fakes.Interrupted()
        yield

    def _does(self, request, deadline, value):
        """Something happens on the cluster first."""
        value()
        yield from self._answer(request)

    def close(self):
        self.closed = True
