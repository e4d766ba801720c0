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

"""How every call to a cluster is made safe to repeat.

Every changing call settles an unknown outcome by a query before it repeats
anything or reports success.
"""

from collections.abc import Callable
from collections.abc import Mapping
import contextlib
import itertools

from oslo_log import log as logging
from oslo_utils import excutils

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# Seconds to wait for a cluster that cannot be reached before what failed is
# left for a later clean-up.
_CLEAN_UP_PATIENCE = 5
# Seconds that a last attempt to change something needs.
_LAST_TRY = 0.1
# Seconds for the last query of something that is waited for.
_LAST_LOOK = 5


#: What is done about a request in doubt.
LOOK_OR_REPEAT = ('Whether it was carried out is found out by a query; if '
                  'not, it is repeated')
REPEAT = 'Whether it was carried out is found out by repeating it'

# Arguments that are names of volumes and snapshots.
_NAMES = frozenset(('volName', 'snapName', 'volNameSrc', 'snapNameSrc'))


def note(series, failure, deadline, plan=LOOK_OR_REPEAT):
    """Note a failure after which a change is looked at again.

    :param series: the :class:`reporting.Series` of the change
    :param failure: OutcomeUnknown, or what is mended by waiting
    :param deadline: until when
    :param plan: what is done when it is the former
    """
    left = f'for at most {deadline.remaining:.0f} s'
    if isinstance(failure, exceptions.OutcomeUnknown):
        series.note(logging.WARNING, failure, f'{plan}, {left}.')
    else:
        series.note(logging.INFO, failure, f'That is waited for, {left}.')


class Operation:
    """Changes, waiting and cleaning up on one cluster.

    :param client: the :class:`client.Client` that carries the calls
    :param queries: the :class:`queries.Queries` of the cluster
    :param copy_timeout: seconds that a copy inside the cluster may take
    """

    def __init__(self, client, queries, copy_timeout):
        self.client = client
        self.queries = queries
        self._copy_timeout = copy_timeout
        # Until when an object may be made, by its name.
        self._expected = {}

    def change(self, op: str, settle: Callable, *,
               deadline: waiting.Deadline | None = None,
               patience: float | None = None,
               told: Callable | None = None,
               room: Mapping | None = None, **args) -> bool:
        """Carry out a change; settle it when the outcome is unknown.

        Busy objects are waited for. Everything together ends by one
        deadline.

        :param op: the operation
        :param settle: called with a deadline after an unknown outcome, and
            after "exists" when an earlier attempt's outcome was unknown;
            tells whether the change has been made
        :param deadline: when to give up; by default the request timeout
        :param patience: seconds after which to give up when no agent can
            be reached; by default the deadline decides
        :param told: called with an ObjectBusy and the deadline, gives an
            error that says more, or raises one when waiting cannot help
        :param room: poolId and volSize of what needs room, as far as the
            arguments do not tell
        :param args: the operation's arguments
        :returns: whether an earlier request may be carried out yet, besides
            the one that made the change
        :raises InvalidRequest: before anything is sent: a name is not legal
        :raises CapacityExceeded: no room, and how much there is; or a limit
            is reached
        :raises DSWareError: when the change has not been made, or, as
            OutcomeUnknown, when that cannot be found out
        """
        names.check(*(args[key] for key in _NAMES & args.keys()))
        doubts = []
        try:
            with marked(doubts):
                return self._repeated(op, settle, doubts,
                                      deadline or self.client.deadline(),
                                      patience, told, args)
        except exceptions.CapacityExceeded as error:
            raise self.queries.with_room(error, room or args) from error

    def _repeated(self, op, settle, doubts, deadline, patience, told, args):
        doubt = failure = None
        series = reporting.Series(LOG)
        for _elapsed in tries(deadline):
            try:
                self.client.call(op, deadline=deadline,
                                 patience=patience, **args)
                return bool(doubts)
            except exceptions.OutcomeUnknown as error:
                failure = doubt = error
                doubts.append(error)
            except exceptions.ObjectBusy as error:
                failure = told(error, deadline) if told else error
            except exceptions.DSWareError as error:
                # What an attempt in doubt did may look like a refusal now:
                # it exists, or it is gone, because it was carried out.
                if doubt is None or not settled(settle, doubt,
                                                deadline):
                    raise more_telling(error, failure, deadline)
                return len(doubts) > 1
            note(series, failure, deadline)
            if doubt is not None and settled(settle, doubt, deadline):
                return len(doubts) > 1
        raise failure

    def create(self, op, name, settle, query, remove, *, finish=None, **args):
        """Make an object, and wait until it is ready.

        It is removed when it does not get ready or cannot be finished.

        :param settle: as for :meth:`change`
        :param query: called with the name and a deadline, gives the object
            or None
        :param remove: removes it
        :param finish: called with the object when it is ready
        """
        deadline = self.client.deadline()
        late = self._begun(op, name, settle, deadline, args)
        with marked(late), self.undone(remove, name):
            made = self.wait(query, name, op, deadline)
            if finish:
                finish(made)

    def _begun(self, op, name, settle, deadline, args):
        """Begin to make an object; tell whether it may be made again."""
        try:
            late = self.change(op, settle, deadline=deadline, **args)
            if late:
                self.expect(name)
            return late
        except exceptions.DSWareError as error:
            if error.in_doubt:
                self.expect(name)
            if isinstance(error, exceptions.ObjectExists):
                raise error.advised(self.queries.what_is_there(name, args),
                                    op=op, name=name) from error
            raise

    @contextlib.contextmanager
    def undone(self, remove, *objects):
        """Remove what this call has made, if the block fails."""
        try:
            yield
        except BaseException as error:
            with excutils.save_and_reraise_exception():
                if not self.remove_quietly(remove, *objects):
                    error.in_doubt = True

    @staticmethod
    def remove_quietly(remove, *objects):
        """Remove objects.

        :returns: whether they are gone, and no request that is still under
            way could remove what gets their names next
        """
        gone = True
        for name in objects:
            try:
                late = remove(name, patience=_CLEAN_UP_PATIENCE)
                gone = gone and not late
            except exceptions.DSWareError as error:
                gone = False
                reporting.log_once(
                    LOG, logging.WARNING, error,
                    f'{name} stays on the cluster for now. It is removed '
                    f'when what it was made for is deleted.')
                if isinstance(error, exceptions.NO_ANSWER):
                    # Each of the others would have to wait as long.
                    break
        return gone

    def expect(self, *names):
        """Expect objects that requests in doubt may make after all.

        How late a request may be nobody has published. It is given as much
        time again as a call has, from when it was given up.
        """
        for name, deadline in list(self._expected.items()):
            if deadline.expired:
                self._expected.pop(name, None)
        self._expected.update((name, self.client.deadline())
                              for name in names)

    def delete(self, op, name, query, *, patience=None, **args):
        """Delete an object, and what a request in doubt makes after that.

        :param query: called with the name and a deadline, gives the object
            or None
        :param patience: as for :meth:`change`; with it nothing is waited for
        :returns: whether a request that is still under way could delete what
            gets this name next
        """
        def delete():
            try:
                return self.change(
                    op, lambda deadline: query(name, deadline) is None,
                    patience=patience, **args)
            except exceptions.ObjectAbsent as error:
                LOG.log(logging.DEBUG if names.is_temporary(name)
                        else logging.INFO, '%s is gone already.', name)
                return error.in_doubt

        late = delete()
        expected = self._expected.get(name) if patience is None else None
        for _elapsed in waiting.pauses(expected) if expected else ():
            if query(name) is not None:
                LOG.info('%s was made late, and is removed again.', name)
                delete()
        return late

    def wait(self, query, name, op, deadline=None):
        """Wait until an object that is in work is ready.

        :param query: called with the name and a deadline, gives the object
            or None
        :param deadline: when to give up; by default a copy's time from now
        :returns: the object
        :raises BackendFault: it failed, vanished or took too long
        """
        limited = deadline is not None
        deadline = deadline or waiting.Deadline(self._copy_timeout)
        series = reporting.Series(LOG)
        # Unlike a change, a look is worth its while at the very end, too.
        for _elapsed in itertools.chain((0.0,), waiting.pauses(deadline)):
            found = self._ready(query, name, op, self.look(deadline), series)
            if found is not None:
                return found
        raise exceptions.BackendFault(
            op=op, name=name,
            desc=_('not ready after %d s') % deadline.seconds,
            advice=_('Raise %s if it only needs more time') % (
                'dsware_request_timeout' if limited
                else 'dsware_copy_timeout'))

    def at_rest(self, name, op):
        """Give a volume; one that is in work is waited for.

        :raises ObjectAbsent: there is no such volume
        """
        found = self.queries.volume(name)
        if found is not None and found.working:
            LOG.info('Volume %(name)s is in work on the cluster; %(op)s '
                     'waits for that.', {'name': name, 'op': op})
            # Its size or pool may be another one now.
            found = self.wait(self.queries.volume, name, op)
        return queries.needed(found, op, name)

    def look(self, deadline):
        """Give a query time, at the very end of a deadline, too."""
        return waiting.Deadline(min(max(deadline.remaining, _LAST_LOOK),
                                    self.client.request_timeout))

    @staticmethod
    def _ready(query, name, op, deadline, series):
        """Give an object that is ready; None for one that is in work."""
        try:
            found = query(name, deadline)
        except exceptions.NO_ANSWER as error:
            # The copy goes on inside the cluster while nobody can ask.
            series.note(logging.WARNING, error,
                        f'{op} of {name} is waited for all the same.')
            return None
        if found is None:
            raise exceptions.BackendFault(
                op=op, name=name, desc=_('it is gone from the cluster'))
        if not (found.ready or found.working):
            raise exceptions.BackendFault(
                op=op, name=name,
                desc=_('it is in failure status %d') % found.status)
        return found if found.ready else None


@contextlib.contextmanager
def marked(doubts):
    """Mark what fails when a request may have been carried out, or yet.

    :param doubts: true, or not empty, if there is such a request
    """
    try:
        yield
    except exceptions.DSWareError as error:
        error.in_doubt = error.in_doubt or bool(doubts)
        raise


def more_telling(error, earlier, deadline):
    """Prefer an answer to the news that no time was left to ask."""
    late = (isinstance(error, exceptions.EndpointUnavailable)
            and deadline.expired)
    busy = isinstance(earlier, exceptions.ObjectBusy)
    return earlier if late and busy else error


def settled(settle, doubt, deadline):
    """Find out what became of a request, by a query.

    :param settle: called with the deadline
    :param doubt: the :class:`OutcomeUnknown`
    :param deadline: when to give up
    :returns: what settle returned: whether it was carried out
    :raises OutcomeUnknown: that cannot be found out
    """
    try:
        done = settle(deadline)
    except exceptions.ObjectMismatch:
        raise
    except exceptions.DSWareError as error:
        raise doubt.advised(
            _('Whether it was carried out cannot be found out: %s')
            % error.summary) from error
    # When it was not, it is repeated, maybe often.
    log = LOG.info if done else LOG.debug
    log('%(op)s of %(name)s was %(done)s after all.', {
        'op': doubt.op, 'name': doubt.name,
        'done': 'carried out' if done else 'not carried out'})
    return done


def tries(deadline):
    """Pause between attempts, as long as another one makes sense."""
    yield 0.0
    # A request without time for its answer only raises doubts.
    least = min(_LAST_TRY, deadline.seconds / 4)
    for elapsed in waiting.pauses(deadline):
        if deadline.remaining >= least:
            yield elapsed


def attached(error, _deadline=None):
    """Add to an error about an object in use that a host has it."""
    if error.result != result_codes.NODE_IN_USE:
        return error
    return error.advised(_(
        'It is attached to a host; it can be deleted when it is detached '
        'there'), exceptions.ObjectBusy)
