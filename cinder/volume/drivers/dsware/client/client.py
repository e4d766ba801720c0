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

"""Calls to a cluster: which agent, how often, until when.

A query is repeated freely. A request that changes something goes to another
agent only when it certainly was not carried out: no byte of it was written,
or the agent answered that it refuses for now. In any other case the caller
gets OutcomeUnknown and has to find out.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import time

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.client import agents
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# A reply that is collected whole has at most this many records: the longest
# is that of the snapshots of a volume. Listings of any length are streamed.
_MAX_RECORDS = 4096
_MAX_BYTES = 4 * 1024 * 1024
# No pool of any cluster holds as much: a listing that goes on has no end.
_MAX_LISTED = 2_000_000
# One attempt gets half of the time that is left, so that an agent that hangs
# leaves time to ask another one, or to find out what happened.
_ATTEMPT_SHARE = 0.5
_ATTEMPT_LEAST = 1.0


@dataclasses.dataclass(frozen=True)
class Reply:
    """A successful answer.

    :ivar records: the records, all of them
    :ivar endpoint: the agent that answered
    """

    records: list[dict[str, str]]
    endpoint: endpoints.Endpoint


def _may_repeat(request, error):
    return not (request.changes
                and isinstance(error, exceptions.OutcomeUnknown))


def _more_telling(before, now):
    """Keep an error that says why over one that only says that."""
    if type(now) is exceptions.EndpointUnavailable and isinstance(
            before, exceptions.CertificateRefused):
        return before
    return now


class _Attempts:
    """The attempts of one call, for the log and its error."""

    def __init__(self):
        self._series = reporting.Series(LOG)
        self._before = None
        self._failed = None
        self.error = None

    def next(self, agent):
        """Note that an agent is asked."""
        if self._failed is not None:
            same = agent is self._before
            self._note(f'It is tried {"again" if same else "next"} at '
                       f'{agent.endpoint}.')
        self._before, self._failed = agent, None

    def failed(self, error, deadline):
        """Note how an attempt failed, and what the call ends with."""
        self._failed = error
        if isinstance(error, exceptions.OutcomeUnknown):
            self.error = error
        elif self.error is None or not deadline.expired:
            self.error = _more_telling(self.error, error)
        # Otherwise there was no time left for this attempt.

    def _note(self, plan):
        # Of an agent that does not answer the log tells once an outage.
        away = (isinstance(self._failed, exceptions.EndpointUnavailable)
                or self._failed.logged)
        self._series.note(logging.DEBUG if away else logging.WARNING,
                          self._failed, plan)


class Client:
    """Calls operations on the agents of one cluster.

    :param endpoints: the agents that carry out requests
    :param make_transport: makes the transport of an endpoint
    :param request_timeout: seconds for one call, all its attempts together
    :param capacity: how many requests an agent carries at a time
    """

    def __init__(self, endpoints, make_transport, request_timeout,
                 capacity=16):
        self.request_timeout = request_timeout
        self._agents = agents.Agents(
            endpoints,
            lambda endpoint: agents.Agent(endpoint, make_transport(endpoint),
                                          capacity),
            request_timeout)

    @property
    def agents(self) -> list[endpoints.Endpoint]:
        """The agents that requests are spread over."""
        return self._agents.endpoints

    def deadline(self) -> waiting.Deadline:
        """Make the deadline of one call.

        :returns: a new :class:`waiting.Deadline`
        """
        return waiting.Deadline(self.request_timeout)

    def call(self, op: str, *, deadline: waiting.Deadline | None = None,
             patience: float | None = None,
             agent: endpoints.Endpoint | None = None, **args) -> Reply:
        """Call an operation.

        :param op: the operation, as the interface names it
        :param deadline: when to give up; by default the request timeout
        :param patience: seconds after which to give up when no agent can
            be reached, and after which an agent that does not answer a
            query is given up; by default the deadline decides
        :param agent: the one agent to ask, for operations that act on its
            host; by default any
        :param args: the operation's arguments
        :returns: the :class:`Reply`, when the result is 0
        :raises DSWareError: one of its subclasses, by result class
        """
        request = endpoints.Request(op, args)
        deadline = deadline or self.deadline()
        started = time.monotonic()
        with contextlib.closing(self._carried_out(
                self._whole, request, deadline, patience, agent)) as replies:
            reply = next(replies)
        LOG.debug('%(op)s of %(name)s: done by %(endpoint)s within '
                  '%(seconds).3f s.', {
                      'op': op, 'name': request.name or 'the cluster',
                      'endpoint': reply.endpoint,
                      'seconds': time.monotonic() - started})
        return reply

    def stream(self, op: str, *, deadline: waiting.Deadline | None = None,
               **args) -> Iterator[dict[str, str]]:
        """Query a listing of any length, record by record.

        Another agent is tried until the first record has arrived; a failure
        after that ends the iterator with an error. A caller that stops
        early must close the iterator.

        :param op: a query
        :param deadline: when to give up; by default the request timeout
        :param args: the operation's arguments
        :returns: an iterator of records
        :raises DSWareError: one of its subclasses, by result class
        """
        yield from self._carried_out(
            self._records, endpoints.Request(op, args),
            deadline or self.deadline())

    def _carried_out(self, read, request, deadline, patience=None,
                     agent=None):
        """Have a request carried out by one agent or another.

        :param read: called with a place, the request, its deadline and the
            patience; gives what comes of that. When it has given something
            there is no other attempt.
        """
        tries = _Attempts()
        with contextlib.closing(self._attempts(
                request, deadline, patience, agent)) as attempts:
            for place in attempts:
                tries.next(place.agent)
                given = False
                try:
                    for item in read(place, request, deadline, patience):
                        given = True
                        yield item
                    return
                except exceptions.CommandUnavailable:
                    # That is the same for all agents, at any time.
                    raise
                except (exceptions.OutcomeUnknown, exceptions.TryAgain,
                        exceptions.EndpointUnavailable) as error:
                    if given or not _may_repeat(request, error):
                        raise
                    tries.failed(error, deadline)
        raise self._final(tries.error, request, agent)

    def _attempts(self, request, deadline, patience, endpoint):
        """Give places at agents, in rounds, until the deadline is over."""
        patience = deadline.seconds if patience is None else patience
        pauses = waiting.pauses(deadline)
        while not deadline.expired:
            order = self._agents.order(endpoint)
            yield from self._round(request, order, deadline, patience)
            if deadline.elapsed >= patience:
                return
            # Agents that do not answer have pauses of their own.
            if any(agent.answers for agent in order):
                next(pauses, None)

    def _round(self, request, order, deadline, patience):
        """Give a place at one agent, then at others that may be asked."""
        place = self._first_place(request, order, deadline, patience)
        left = list(order)
        while place is not None:
            try:
                if deadline.expired:
                    return
                yield place
            finally:
                self._agents.give_back(place)
            left.remove(place.agent)
            place = self._agents.take(left, waiting.Deadline(0))

    def _first_place(self, request, order, deadline, patience):
        limit = deadline
        if not any(agent.answers for agent in order):
            limit = waiting.Deadline(min(
                deadline.remaining, max(patience - deadline.elapsed, 0)))
        place = self._agents.take(order, limit)
        if place is None and any(agent.answers for agent in order):
            raise self._overloaded(request, order)
        return place

    @staticmethod
    def _overloaded(request, order):
        return exceptions.TryAgain(
            op=request.op, name=request.name,
            endpoint=', '.join(str(agent.endpoint) for agent in order),
            desc=_('all connections are in use (%d)') % sum(
                agent.capacity for agent in order),
            advice=_('Raise dsware_max_connections'))

    def _whole(self, place, request, deadline, patience):
        """Give the one reply of a request when all of it is there."""
        records = []
        frames = size = 0
        for frame in self._frames(place, request, deadline, patience):
            records += frame.records
            frames += 1
            size += frame.size
            self._bound(len(records) <= _MAX_RECORDS >= frames
                        and size <= _MAX_BYTES, place.agent, request,
                        _MAX_RECORDS)
        yield Reply(records, place.agent.endpoint)

    def _records(self, place, request, deadline, patience):
        """Give the records of a reply as they come."""
        listed = 0
        with contextlib.closing(self._frames(place, request, deadline,
                                             patience)) as frames:
            for frame in frames:
                listed += 1 + len(frame.records)
                self._bound(listed <= _MAX_LISTED, place.agent, request,
                            _MAX_LISTED)
                yield from frame.records

    @staticmethod
    def _bound(within, agent, request, records):
        if not within:
            raise exceptions.OutcomeUnknown(
                op=request.op, name=request.name,
                endpoint=str(agent.endpoint),
                desc=_('it answers with more than %(records)d records, or '
                       'with more than %(size)d bytes') % {
                           'records': records, 'size': _MAX_BYTES})

    @staticmethod
    def _limit(request, deadline, patience):
        limit = deadline.part(_ATTEMPT_SHARE, _ATTEMPT_LEAST)
        if patience is None or request.changes:
            return limit
        # Nothing is in doubt when a query is given up.
        return waiting.Deadline(min(limit.seconds,
                                    max(patience, _ATTEMPT_LEAST)))

    def _frames(self, place, request, deadline, patience):
        limit = self._limit(request, deadline, patience)
        exchange = place.agent.transport.exchange(request, limit)
        try:
            with contextlib.closing(exchange):
                for frame in exchange:
                    self._agents.answered(place)
                    self._check(frame, place.agent, request)
                    # How long the caller takes is the caller's business.
                    with deadline.paused(), limit.paused():
                        yield frame
        except exceptions.OutcomeUnknown as error:
            # No result means that the agent itself, not the cluster, is
            # in doubt: a hanging or babbling agent is avoided too.
            if error.result is None:
                self._failed(place, error, limit)
            raise
        except exceptions.CommandUnavailable:
            # No agent has a part in that.
            raise
        except exceptions.EndpointUnavailable as error:
            named = self._unavailable(error, request)
            self._failed(place, named, limit)
            raise named from error

    def _failed(self, place, error, limit):
        # That there was no time for an answer is not the agent's fault, but
        # no reason either for others to try at once.
        place.told = True
        if limit.seconds >= _ATTEMPT_LEAST or not limit.expired:
            self._agents.failed(place, error)

    @staticmethod
    def _check(frame, agent, request):
        if frame.result != result_codes.OK:
            raise exceptions.from_result(
                request.op, request.name, frame.result, frame.desc,
                str(agent.endpoint), request.changes)

    @staticmethod
    def _unavailable(error, request):
        """Make the error of a request that was not sent.

        :param error: what keeps it from being sent; of another request that
            was, it may be that its outcome is unknown
        """
        kind = (type(error)
                if isinstance(error, exceptions.EndpointUnavailable)
                else exceptions.EndpointUnavailable)
        return kind(op=request.op, name=request.name, desc=error.desc,
                    endpoint=error.endpoint, advice=error.advice)

    def _final(self, error, request, endpoint):
        if error is not None:
            return error
        order = self._agents.order(endpoint)
        if not any(agent.answers for agent in order):
            # It only waited for what the attempts of others would show.
            return self._unavailable(functools.reduce(
                _more_telling, [agent.error for agent in order]), request)
        return exceptions.EndpointUnavailable(
            op=request.op, name=request.name,
            desc=_('no time was left to ask any agent'))

    def close(self) -> None:
        """Close all idle connections."""
        self._agents.close()
