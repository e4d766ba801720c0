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

"""What a check finds: a name for each kind of finding, and how bad it is.

Texts may have names in them that were written by others, as they are; what
shows them makes them fit for a terminal. Only commands must be made here.
"""

import dataclasses
import shlex

CRITICAL = 'critical'
WARNING = 'warning'
#: Worth knowing; nothing needs to be done at once.
NOTE = 'note'
OK = 'ok'

#: Worst first.
SEVERITIES = (CRITICAL, WARNING, NOTE, OK)
#: What has no name of its own.
REMARK = 'remark'

#: Every kind of finding; each is in the documentation, too.
CODES = {
    # The configuration, and the host of cinder-volume.
    'configuration-missing': CRITICAL,
    'backend-missing': CRITICAL,
    'backend-not-enabled': WARNING,
    'option-wrong': CRITICAL,
    'configuration-changed': WARNING,
    'coordination-unusable': CRITICAL,
    'lock-directory': CRITICAL,
    'privileged-helper': WARNING,
    'database-unreadable': WARNING,
    'service-down': CRITICAL,
    'service-unknown': NOTE,
    # Agents.
    'cluster-unreachable': CRITICAL,
    'agent-down': WARNING,
    # Of a host there is one alone.
    'host-agent-down': CRITICAL,
    'transport-mismatch': CRITICAL,
    'credentials-refused': CRITICAL,
    'certificate-invalid': CRITICAL,
    'certificate-expiring': WARNING,
    'certificates-unverified': WARNING,
    'manager-unresolved': WARNING,
    # Pools.
    'pools-unreadable': CRITICAL,
    'pool-missing': CRITICAL,
    'pool-full': CRITICAL,
    'pool-near-full': WARNING,
    'pool-oversubscribed': WARNING,
    # Cinder and the cluster.
    'listing-failed': WARNING,
    'clock-ahead': WARNING,
    'volume-missing': CRITICAL,
    'snapshot-missing': CRITICAL,
    'orphan-volume': WARNING,
    'orphan-snapshot': WARNING,
    'temporary-object': WARNING,
    'size-differs': WARNING,
    'volume-stuck': WARNING,
    'snapshot-stuck': WARNING,
    'volume-error': NOTE,
    'snapshot-error': NOTE,
    # A host that attaches.
    'not-root': WARNING,
    'fsc-cli-missing': CRITICAL,
    'sds-cli-missing': WARNING,
    'hook-missing': CRITICAL,
    'hook-off': CRITICAL,
    'connector-unregistered': CRITICAL,
    'package-changed': CRITICAL,
    'lock-directories-differ': CRITICAL,
    'record-unreadable': WARNING,
    'volume-left': WARNING,
    'instance-unknown': WARNING,
    'instance-present': WARNING,
    'device-gone': WARNING,
    'device-unrecorded': WARNING,
    'link-wrong': WARNING,
    'search-failed': WARNING,
    'repair-failed': WARNING,
    REMARK: NOTE,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    :param code: what kind of finding it is, empty for what is as it should be
    :param text: what was found
    :param cure: what to do about it
    :param cause: why it is so, or may be so, unless the text says that
    :param subject: the id in Cinder, or else the name, of what it is about
    """

    code: str
    text: str
    cure: str = ''
    cause: str = ''
    subject: str = ''

    @property
    def severity(self) -> str:
        """How bad it is, one of SEVERITIES."""
        return CODES[self.code] if self.code else OK


def ok(text: str) -> Finding:
    """Find that something is as it should be.

    :param text: what was found
    :returns: the finding
    """
    return Finding('', text)


def note(text: str) -> Finding:
    """Find something that is worth knowing.

    :param text: what was found
    :returns: the finding
    """
    return Finding(REMARK, text)


def problem(code: str, text: str, cure: str, cause: str = '',
            subject: str = '') -> Finding:
    """Find that something is not as it should be; see :class:`Finding`.

    :param code: one of CODES
    :param text: what was found
    :param cure: what to do about it
    :param cause: why it is so
    :param subject: what it is about
    :returns: the finding
    """
    return Finding(code, text, cure, cause, subject)


def command(*argv: str) -> str:
    """Write a command, for a cure, that can be pasted into a shell.

    :param argv: the program and its arguments, whatever is in them
    :returns: the command between backquotes, which the report does not break
    """
    # Such a quote in a name, which is quoted anyway, would end it too early.
    return '`%s`' % shlex.join(argv).replace('`', r'\x60')


def counted(count: int, noun: str) -> str:
    """Write a number of things.

    :param count: how many there are
    :param noun: what one is called
    :returns: the number, and the noun in the right form
    """
    return '%d %s%s' % (count, noun, '' if count == 1 else 's')
