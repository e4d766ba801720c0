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
from cinder.volume.drivers.dsware.client import counters as counting
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


def _more_telling(before, now):
    """Keep an error that says why over one that only says that."""
    if type(now) is exceptions.EndpointUnavailable and isinstance(
            before, exceptions.CertificateRefused):
        return before
    return now


class _Attempts:
    """The attempts of one call, for the log and the counters."""

    def __init__(self, counters):
        self._counters = counters
        self._series = reporting.Series(LOG)
        self._before = None
        self.failed = None

    def next(self, agent):
        """Note that an agent is asked."""
        if self.failed is not None:
            same = agent is self._before
            self._counters.add(counting.ATTEMPTS,
                               'retries' if same else 'fail_overs')
            self._note(f'It is tried {"again" if same else "next"} at '
                       f'{agent.endpoint}.')
        self._before, self.failed = agent, None

    def _note(self, plan):
        # Of an agent that does not answer the log tells once an outage.
        away = (isinstance(self.failed, exceptions.EndpointUnavailable)
                or self.failed.logged)
        self._series.note(logging.DEBUG if away else logging.WARNING,
                          self.failed, plan)


class Client:
    """Calls operations on the agents of one cluster.

    :param endpoints: the agents that carry out requests
    :param make_transport: makes the transport of an endpoint
    :param request_timeout: seconds for one call, all its attempts together
    :param counters: the :class:`counters.Counters` to keep; by default new
        ones
    """

    def __init__(self, endpoints, make_transport, request_timeout,
                 counters=None):
        self.request_timeout = request_timeout
        self.counters = counters or counting.Counters()
        self._make_transport = make_transport
        self._agents = agents.Agents(endpoints, self._make_agent,
                                     request_timeout)

    @property
    def agents(self) -> list[endpoints.Endpoint]:
        """The agents that requests are spread over."""
        return self._agents.endpoints

    def health(self) -> dict[str, dict]:
        """Tell which of the agents that requests are spread over answer.

        :returns: by agent, how many failures there were one after another,
            and in how many seconds it is asked again
        """
        return self._agents.health()

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
        with self._counted(request):
            started = time.monotonic()
            reply = self._call(request, deadline or self.deadline(),
                               patience, agent)
        LOG.debug('%(op)s of %(name)s: done by %(endpoint)s within '
                  '%(seconds).3f s.', {
                      'op': op, 'name': request.name or 'the cluster',
                      'endpoint': reply.endpoint,
                      'seconds': time.monotonic() - started})
        return reply

    def _call(self, request, deadline, patience, agent):
        error = None
        tries = _Attempts(self.counters)
        with contextlib.closing(self._attempts(
                request, deadline, patience, agent)) as attempts:
            for place in attempts:
                tries.next(place.agent)
                try:
                    return self._ask(place, request, deadline, patience)
                except exceptions.OutcomeUnknown as unknown:
                    if request.changes:
                        raise
                    error = tries.failed = unknown
                except exceptions.CommandUnavailable:
                    # That is the same for all agents, at any time.
                    raise
                except (exceptions.EndpointUnavailable,
                        exceptions.TryAgain) as refused:
                    tries.failed = refused
                    if error is None or not deadline.expired:
                        error = _more_telling(error, refused)
                    # Otherwise there was no time left for this attempt.
        raise self._final(error, request, agent)

    @contextlib.contextmanager
    def _counted(self, request):
        self.counters.add(counting.CALLS, request.op)
        try:
            yield
        except exceptions.DSWareError as error:
            self.counters.add(counting.FAILED_CALLS,
                              counting.class_of(error))
            raise

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
        request = endpoints.Request(op, args)
        with self._counted(request):
            yield from self._stream(request, deadline or self.deadline())

    def _stream(self, request, deadline):
        error = None
        tries = _Attempts(self.counters)
        with contextlib.closing(self._attempts(
                request, deadline, None, None)) as attempts:
            for place in attempts:
                tries.next(place.agent)
                started = False
                try:
                    for frame in self._listed(place, request, deadline):
                        started = True
                        yield from frame.records
                    return
                except exceptions.CommandUnavailable:
                    raise
                except (exceptions.OutcomeUnknown, exceptions.TryAgain,
                        exceptions.EndpointUnavailable) as failure:
                    if started:
                        raise
                    error = tries.failed = failure
        raise self._final(error, request, None)

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

    def _make_agent(self, endpoint):
        return agents.Agent(endpoint, self._make_transport(endpoint),
                            self.counters.agent(endpoint))

    def _ask(self, place, request, deadline, patience):
        records = []
        frames = size = 0
        agent = place.agent
        for frame in self._frames(place, request, deadline, patience):
            records += frame.records
            frames += 1
            size += frame.size
            self._bound(len(records) <= _MAX_RECORDS >= frames
                        and size <= _MAX_BYTES, agent, request,
                        _MAX_RECORDS)
        return Reply(records, agent.endpoint)

    def _listed(self, place, request, deadline):
        listed = 0
        with contextlib.closing(self._frames(place, request,
                                             deadline)) as frames:
            for frame in frames:
                listed += 1 + len(frame.records)
                self._bound(listed <= _MAX_LISTED, place.agent, request,
                            _MAX_LISTED)
                yield frame

    @staticmethod
    def _bound(within, agent, request, records):
        if not within:
            raise exceptions.OutcomeUnknown(
                op=request.op, name=request.name,
                endpoint=str(agent.endpoint),
                desc=_('it answers with more than %(records)d records, or '
                       'with more than %(size)d bytes') % {
                           'records': records, 'size': _MAX_BYTES})

    def _frames(self, place, request, deadline, patience=None):
        tally = place.agent.tally
        tally.add(counting.REQUESTS, request.op)
        try:
            yield from self._answers(
                place, request, deadline,
                self._limit(request, deadline, patience))
        except exceptions.DSWareError as error:
            tally.add(counting.FAILURES, counting.class_of(error))
            raise

    @staticmethod
    def _limit(request, deadline, patience):
        limit = deadline.part(_ATTEMPT_SHARE, _ATTEMPT_LEAST)
        if patience is None or request.changes:
            return limit
        # Nothing is in doubt when a query is given up.
        return waiting.Deadline(min(limit.seconds,
                                    max(patience, _ATTEMPT_LEAST)))

    def _answers(self, place, request, deadline, limit):
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
