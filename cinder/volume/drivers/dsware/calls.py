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
import contextlib
import itertools

from oslo_log import log as logging
from oslo_utils import excutils

from cinder.i18n import _
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import models
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# Errors that say nothing about the object: the cluster could not be asked.
_NO_ANSWER = (exceptions.EndpointUnavailable, exceptions.OutcomeUnknown,
              exceptions.TryAgain)
# Seconds to wait for a cluster that cannot be reached before what failed is
# left for a later clean-up.
_CLEAN_UP_PATIENCE = 5
# Seconds for the last query of something that is waited for.
_LAST_LOOK = 5


class Calls:
    """Changes, waiting and cleaning up on one cluster.

    :param client: the :class:`client.Client` that carries the calls
    :param copy_timeout: seconds that a copy inside the cluster may take
    """

    def __init__(self, client, copy_timeout):
        self._client = client
        self._copy_timeout = copy_timeout

    @staticmethod
    def _read(model, record, op, reply):
        try:
            return model.from_record(record)
        except models.RecordError as error:
            raise exceptions.OutcomeUnknown(
                op=op, desc=str(error), endpoint=str(reply.endpoint)
            ) from error

    def _change(self, op: str, settle: Callable, *,
                deadline: waiting.Deadline | None = None,
                patience: float | None = None, **args) -> None:
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
        :param args: the operation's arguments
        :raises DSWareError: when the change has not been made, or, as
            OutcomeUnknown, when that cannot be found out
        """
        deadline = deadline or self._client.deadline()
        doubt = failure = None
        for _elapsed in self._tries(deadline):
            try:
                self._client.call(op, deadline=deadline,
                                  patience=patience, **args)
                return
            except exceptions.OutcomeUnknown as error:
                failure = doubt = error
            except exceptions.ObjectBusy as error:
                failure = error
            except exceptions.DSWareError as error:
                # What an attempt in doubt did may look like a refusal now:
                # it exists, or it is gone, because it was carried out.
                if doubt is None or not self._settled(settle, doubt,
                                                      deadline):
                    raise self._more_telling(error, failure, deadline)
                return
            LOG.info('%s It is looked into and tried again.', failure)
            if doubt is not None and self._settled(settle, doubt, deadline):
                return
        raise failure

    @staticmethod
    def _more_telling(error, earlier, deadline):
        """Prefer an answer to the news that no time was left to ask."""
        late = (isinstance(error, exceptions.EndpointUnavailable)
                and deadline.expired)
        busy = isinstance(earlier, exceptions.ObjectBusy)
        return earlier if late and busy else error

    @staticmethod
    def _settled(settle, doubt, deadline):
        try:
            return settle(deadline)
        except exceptions.ObjectMismatch:
            raise
        except exceptions.DSWareError as error:
            LOG.error('%(doubt)s Whether it was carried out cannot be '
                      'found out: %(error)s', {'doubt': doubt,
                                               'error': error})
            raise doubt from error

    @staticmethod
    def _tries(deadline):
        yield 0.0
        for elapsed in waiting.pauses(deadline):
            if not deadline.expired:
                yield elapsed

    @contextlib.contextmanager
    def _undone(self, remove, *objects):
        """Remove what this call has made, if the block fails."""
        try:
            yield
        except BaseException:
            with excutils.save_and_reraise_exception():
                self._remove_quietly(remove, *objects)

    @staticmethod
    def _remove_quietly(remove, *objects):
        for name in objects:
            try:
                remove(name, patience=_CLEAN_UP_PATIENCE)
            except exceptions.DSWareError as error:
                LOG.warning('%(name)s stays on the cluster for now: '
                            '%(error)s It is removed when the volume that '
                            'it was made for is deleted, or at the next '
                            'start.', {'name': name, 'error': error})
                if isinstance(error, _NO_ANSWER):
                    # Each of the others would have to wait as long.
                    return

    def _wait(self, query, name, op, deadline=None):
        """Wait until an object that is in work is ready.

        :param query: called with a deadline, gives the object or None
        :param deadline: when to give up; by default a copy's time from now
        :raises BackendFault: it failed, vanished or took too long
        """
        deadline = deadline or waiting.Deadline(self._copy_timeout)
        # Unlike a change, a look is worth its while at the very end, too.
        for _elapsed in itertools.chain((0.0,), waiting.pauses(deadline)):
            look = waiting.Deadline(min(
                max(deadline.remaining, _LAST_LOOK),
                self._client.request_timeout))
            if self._is_ready(query, name, op, look):
                return
        raise exceptions.BackendFault(
            op=op, name=name,
            desc=_('not ready after %d seconds') % deadline.seconds,
            advice=_('Raise dsware_copy_timeout if a copy only needs more '
                     'time'))

    @staticmethod
    def _is_ready(query, name, op, deadline):
        try:
            found = query(deadline)
        except _NO_ANSWER as error:
            # The copy goes on inside the cluster while nobody can ask.
            LOG.warning('Waiting for %(name)s: %(error)s',
                        {'name': name, 'error': error})
            return False
        if found is None:
            raise exceptions.BackendFault(
                op=op, name=name, desc=_('it is gone from the cluster'))
        if not (found.ready or found.working):
            raise exceptions.BackendFault(
                op=op, name=name,
                desc=_('it is in failure status %d') % found.status)
        return found.ready
