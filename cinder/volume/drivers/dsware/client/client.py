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

# A reply that is collected whole has at most this many records and frames: the
# longest is that of the snapshots of a volume. Listings of any length are
# streamed.
_MAX_RECORDS = 4096
# No pool of any cluster holds as much: a listing that goes on has no end.
_MAX_LISTED = 2_000_000
# One attempt gets half of the time that is left, so that an agent that hangs
# leaves time to ask another one, or to find out what happened.
_ATTEMPT_SHARE = 0.5
_ATTEMPT_LEAST = 1.0
# Errors of an attempt, which may not be those of the call.
_ANOTHER_MAY_DO = (exceptions.OutcomeUnknown, exceptions.TryAgain,
                   exceptions.EndpointUnavailable)


@dataclasses.dataclass
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


class _Call:
    """One call: what is asked, how long, and how its attempts failed.

    :ivar patience: seconds after which it is given up when no agent can be
        reached, and a query that an agent does not answer
    :ivar endpoint: the one agent to ask, or None
    :ivar limit: the deadline of the attempt that is made
    :ivar begun: whether the caller got a part of the reply
    :ivar error: what it ends with if there is no other attempt
    """

    def __init__(self, request, deadline, patience=None, endpoint=None):
        self.request = request
        self.deadline = deadline
        self.patience = deadline.seconds if patience is None else patience
        self.endpoint = endpoint
        self.limit = None
        self.begun = False
        self.error = None
        self._series = None
        self._failed = None

    def attempt(self, agent):
        """Note that an agent is asked."""
        if self._failed is not None:
            self._note(f'It is tried next at {agent.endpoint}.')
            self._failed = None
        left = self.deadline.remaining
        share = left * _ATTEMPT_SHARE
        if not self.request.changes:
            # Nothing is in doubt when a query is given up.
            share = min(share, self.patience)
        self.limit = waiting.Deadline(min(left, max(share, _ATTEMPT_LEAST)))

    def _note(self, plan):
        # Of an agent that does not answer the log tells once an outage.
        away = (isinstance(self._failed, exceptions.EndpointUnavailable)
                or self._failed.logged)
        self._series = self._series or reporting.Series(LOG)
        self._series.note(logging.DEBUG if away else logging.WARNING,
                          self._failed, plan)

    def failed(self, error):
        """Note how an attempt failed; tell whether to make another one."""
        in_doubt = isinstance(error, exceptions.OutcomeUnknown)
        if (self.begun or in_doubt and self.request.changes
                # That is the same for all agents, at any time.
                or isinstance(error, exceptions.CommandUnavailable)):
            return False
        self._failed = error
        if in_doubt:
            self.error = error
        elif self.error is None or not self.deadline.expired:
            self.error = _more_telling(self.error, error)
        # Otherwise there was no time left for this attempt.
        return True


class _Attempt:
    """One attempt of a call, as a context manager.

    It gives the place back, and ends errors after which another attempt is
    made.
    """

    def __init__(self, agents, place, call):
        self._agents = agents
        self._place = place
        self._call = call

    def __enter__(self):
        self._call.attempt(self._place.agent)

    def __exit__(self, kind, error, _traceback):
        self._agents.give_back(self._place)
        return isinstance(error, _ANOTHER_MAY_DO) and self._call.failed(error)


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
        call = _Call(endpoints.Request(op, args), deadline or self.deadline(),
                     patience, agent)
        started = time.monotonic()
        for place in self._places(call):
            with _Attempt(self._agents, place, call):
                records = []
                for frame in self._frames(place, call, _MAX_RECORDS):
                    records += frame.records
                self._log(call.request, place.agent.endpoint, started)
                return Reply(records, place.agent.endpoint)
        raise self._final(call)

    @staticmethod
    def _log(request, endpoint, started):
        if LOG.isEnabledFor(logging.DEBUG):
            LOG.debug('%(op)s of %(name)s: done by %(endpoint)s within '
                      '%(seconds).3f s.', {
                          'op': request.op,
                          'name': request.name or 'the cluster',
                          'endpoint': endpoint,
                          'seconds': time.monotonic() - started})

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
        call = _Call(endpoints.Request(op, args), deadline or self.deadline())
        for place in self._places(call):
            with _Attempt(self._agents, place, call):
                with contextlib.closing(self._frames(
                        place, call, _MAX_LISTED)) as frames:
                    for frame in frames:
                        call.begun = call.begun or bool(frame.records)
                        # How long the caller takes is the caller's business.
                        with call.limit.paused():
                            yield from frame.records
                return
        raise self._final(call)

    def _places(self, call):
        """Give places at agents, in rounds, until the deadline is over.

        A round begins at one agent, if need be after a wait, and goes on at
        others that may be asked. Who is given a place gives it back, as
        :class:`_Attempt` does.
        """
        pauses = waiting.pauses(call.deadline)
        while not call.deadline.expired:
            order = self._agents.order(call.endpoint)
            left = list(order)
            place = self._agents.take(order) or self._waited_for(call, order)
            while place is not None:
                if call.deadline.expired:
                    # All of it went by while it waited for the place.
                    self._agents.give_back(place)
                    return
                yield place
                left.remove(place.agent)
                place = self._agents.take(left)
            if call.deadline.elapsed >= call.patience:
                return
            # Agents that do not answer have pauses of their own.
            if any(agent.answers for agent in order):
                next(pauses, None)

    def _waited_for(self, call, order):
        """Give a place when there is one, or None when it takes too long."""
        limit = call.deadline
        if not any(agent.answers for agent in order):
            limit = waiting.Deadline(min(
                limit.remaining, max(call.patience - limit.elapsed, 0)))
        place = self._agents.take(order, limit)
        if place is None and any(agent.answers for agent in order):
            raise self._overloaded(call.request, order)
        return place

    @staticmethod
    def _overloaded(request, order):
        return exceptions.TryAgain(
            op=request.op, name=request.name,
            endpoint=', '.join(str(agent.endpoint) for agent in order),
            desc=_('all connections are in use (%d)') % sum(
                agent.capacity for agent in order),
            advice=_('Raise dsware_max_connections'))

    def _frames(self, place, call, most):
        """Give the frames of a reply, and note how the agent is.

        :param most: how many records and frames there may be
        """
        request = call.request
        count = 0
        exchange = place.agent.transport.exchange(request, call.limit)
        try:
            for frame in exchange:
                self._agents.answered(place.agent)
                if frame.result != result_codes.OK:
                    raise exceptions.from_result(
                        request.op, request.name, frame.result, frame.desc,
                        str(place.agent.endpoint), request.changes)
                count += max(len(frame.records), 1)
                if count > most:
                    raise exceptions.OutcomeUnknown(
                        op=request.op, name=request.name,
                        endpoint=str(place.agent.endpoint),
                        desc=_('it answers with more than %d records') % most)
                yield frame
        except exceptions.OutcomeUnknown as error:
            # No result means that the agent itself, not the cluster, is
            # in doubt: a hanging or babbling agent is avoided too. One that
            # has more to tell than is wanted is not.
            if error.result is None and count <= most:
                self._failed(place, error, call.limit)
            raise
        except (exceptions.AccessDenied, exceptions.CommandUnavailable):
            # Waiting for the agent mends neither, so who waits is told, too.
            self._agents.end_pause(place.agent)
            raise
        except exceptions.EndpointUnavailable as error:
            named = self._unavailable(error, request)
            self._failed(place, named, call.limit)
            raise named from error
        finally:
            exchange.close()

    def _failed(self, place, error, limit):
        # That there was no time for an answer is not the agent's fault, but
        # no reason either for others to try at once.
        if limit.seconds >= _ATTEMPT_LEAST or not limit.expired:
            self._agents.failed(place, error)

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

    def _final(self, call):
        if call.error is not None:
            return call.error
        order = self._agents.order(call.endpoint)
        if not any(agent.answers for agent in order):
            # It only waited for what the attempts of others would show.
            return self._unavailable(functools.reduce(
                _more_telling, [agent.error for agent in order]),
                call.request)
        return exceptions.EndpointUnavailable(
            op=call.request.op, name=call.request.name,
            desc=_('no time was left to ask any agent'))

    def close(self) -> None:
        """Close all idle connections."""
        self._agents.close()
