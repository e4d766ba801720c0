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

"""Errors of the driver, one class for each class of result code.

All derive from Cinder's VolumeBackendAPIException, so that one that nobody
translates still reaches the manager as a backend error with a full message.
"""

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware import result_codes

# Text that the cluster sends is data: it is cut and made printable before it
# becomes part of a message, so that it cannot flood or forge log lines.
_MAX_TEXT = 200


def printable(text, limit=_MAX_TEXT):
    """Make text from the cluster safe to print.

    :param text: any text
    :param limit: how many characters to keep
    :returns: the text without control characters, cut to ``limit``
    """
    cut = text[:limit]
    clean = ''.join(c if c.isprintable() else '?' for c in cut)
    return clean + '...' if len(text) > limit else clean


class DSWareError(exception.VolumeBackendAPIException):
    """Base of all errors that come from talking to a Dsware cluster.

    :ivar op: the operation asked for, as the interface names it
    :ivar name: the object it was asked of, or an empty string
    :ivar result: the result code, or None when there was no answer
    :ivar desc: what the cluster, or the transport, said in words
    :ivar endpoint: ``host:port`` of the agent that said it
    :ivar summary: all of that in one text
    :ivar logged: the level at which it was logged, 0 when it was not
    :ivar in_doubt: whether the cluster may have made, or may yet make, what
        could not be made
    """

    logged = 0
    in_doubt = False

    def __init__(self, op='', name='', result=None, desc='', endpoint='',
                 advice=''):
        self.op = op
        self.name = printable(name)
        self.result = result
        self.desc = printable(desc)
        self.endpoint = endpoint
        self.advice = advice
        self.summary = self._describe()
        super().__init__(data=self.summary)

    def _describe(self):
        asked = self.op or _('the request')
        if self.name:
            asked = _('%(op)s of %(name)s') % {'op': asked,
                                               'name': self.name}
        parts = [_('%(asked)s failed') % {'asked': asked}]
        if self.endpoint:
            parts.append(_(' at %(endpoint)s') % {'endpoint': self.endpoint})
        if self.result is not None:
            parts.append(_(': result %(code)s (%(meaning)s)') % {
                'code': self.result,
                'meaning': result_codes.describe(self.result)})
        if self.desc:
            parts += [': ', self.desc]
        if self.advice:
            parts += ['. ', self.advice]
        # Joined, because messages that are translated late refuse to be
        # added.
        return ''.join(parts)

    def advised(self, advice='', kind=None, **other):
        """Make an error of this one that says what else is known.

        :param advice: what to do, or what is there, before earlier advice
        :param kind: its class, by default that of this one
        :param other: op, name and endpoint, when they are others
        :returns: an exception, not raised
        """
        made = (kind or type(self))(**{
            'op': self.op, 'name': self.name, 'result': self.result,
            'desc': self.desc, 'endpoint': self.endpoint,
            'advice': ' '.join(filter(None, (advice, self.advice))), **other})
        made.logged, made.in_doubt = self.logged, self.in_doubt
        return made


class ObjectExists(DSWareError):
    """A volume, snapshot or QoS of that name is already there."""


class ObjectAbsent(DSWareError):
    """The volume, snapshot, pool or QoS is not there."""


class ObjectBusy(DSWareError):
    """Refused because of the object's state; nothing was changed."""


class HasSnapshots(ObjectBusy):
    """Refused because of snapshots, which no waiting takes away."""


class TryAgain(DSWareError):
    """Refused for now by the agent or the cluster; nothing was changed."""


class OutcomeUnknown(DSWareError):
    """The request may or may not have been carried out."""


class CapacityExceeded(DSWareError):
    """The pool has no room, or a limit of the cluster is reached."""


class InvalidRequest(DSWareError):
    """The request is wrong; repeating it cannot help."""


class AlreadyAttached(DSWareError):
    """The volume is already attached to that host."""


class NotAttached(DSWareError):
    """The volume is not attached to that host."""


class AccessDenied(DSWareError):
    """Credentials are missing or were refused."""


class BackendFault(DSWareError):
    """The object or its pool is broken; repeating cannot help."""


class EndpointUnavailable(DSWareError):
    """No byte of the request was sent: the endpoint cannot be reached."""


class CertificateRefused(EndpointUnavailable):
    """The TLS handshake failed, so nothing was sent."""


class CommandUnavailable(EndpointUnavailable):
    """fsc_cli could not be started on this host, so nothing was sent.

    That does not mend by itself, so nothing is tried again.
    """


class ObjectMismatch(DSWareError):
    """An object of that name is there, but it is not what was asked for."""


# They say nothing about the object: the cluster could not be asked.
NO_ANSWER = (EndpointUnavailable, OutcomeUnknown, TryAgain)


class CreationInDoubt(exception.VolumeBackendAPIException,
                      exception.MetadataUpdateFailure):
    """A volume could not be made, or could; Cinder must not hand it on.

    After another error Cinder has another pool or backend, maybe of the same
    cluster, make a volume of the same name, and forgets where the first one
    was. Of errors of the second base it knows that the volume "still exists
    locally": it stays in error, on its host, until its user deletes it.
    """


def is_in_doubt(error: BaseException) -> bool:
    """Tell whether what failed may have been made, or may yet be made.

    :param error: what a creation has raised
    """
    cause = error.__cause__
    return getattr(error, 'in_doubt', False) or (
        cause not in (None, error) and is_in_doubt(cause))


# By the classes of the table of result codes.
_BY_CLASS = {
    'exists': ObjectExists,
    'absent': ObjectAbsent,
    'busy': ObjectBusy,
    'retry': TryAgain,
    'unknown': OutcomeUnknown,
    'capacity': CapacityExceeded,
    'invalid': InvalidRequest,
    'attached': AlreadyAttached,
    'detached': NotAttached,
    'denied': AccessDenied,
    'fault': BackendFault,
}


def from_result(op, name, result, desc, endpoint, changes):
    """Make the exception that stands for a result code.

    :param op: the operation asked for
    :param name: the object it was asked of
    :param result: the result code, not 0
    :param desc: the cluster's own words
    :param endpoint: the agent that answered
    :param changes: whether the operation changes something
    :returns: an exception, not raised
    """
    # A later os-brick may have added a class.
    error = _BY_CLASS.get(result_codes.classify(result, changes),
                          OutcomeUnknown)
    return error(op=op, name=name, result=result, desc=desc,
                 endpoint=endpoint)


def full_pool(error, args, room):
    """Make the error about a full pool that says how full the pools are.

    :param error: the :class:`CapacityExceeded` of the request
    :param args: the arguments of the request, as far as they matter
    :param room: the free MiB of the pools, as text
    :returns: an exception, not raised
    """
    if 'volSize' not in args:
        advice = _('Free MiB by pool: %(room)s')
    elif 'poolId' not in args:
        advice = _('Asked for %(volSize)d MiB; free MiB by pool: %(room)s')
    else:
        advice = _('Pool %(poolId)d, asked for %(volSize)d MiB; free MiB by '
                   'pool: %(room)s')
    return error.advised(advice % {**args, 'room': room})
