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

"""Records what came of the cases of the matrix.

With DSWARE_TEST_FAULTS_RESULTS each process that runs cases adds a line of
JSON for each to a file of its own in that directory. tools/fault_matrix.py
makes tables of them.
"""

import contextlib
import dataclasses
import json
import os

DIRECTORY = os.environ.get('DSWARE_TEST_FAULTS_RESULTS')


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a case.

    :ivar text: one of those that the report knows
    :ivar error: the class of the exception that the driver raised
    """

    text: str
    error: str = ''


class _Record:
    outcome = Outcome('TEST FAILED')


@contextlib.contextmanager
def recorded(case, transport):
    """Record the outcome of a case.

    :param case: the :class:`matrix.Case`
    :param transport: socket or cli
    :returns: a context manager; its value's outcome is recorded
    """
    record = _Record()
    try:
        yield record
    finally:
        if DIRECTORY:
            _write({'operation': case.operation.__name__,
                    'request': case.step, 'fault': case.fault.name,
                    'family': case.fault.column, 'transport': transport,
                    'outcome': record.outcome.text,
                    'error': record.outcome.error})


def _write(facts):
    os.makedirs(DIRECTORY, exist_ok=True)
    path = os.path.join(DIRECTORY, f'{os.getpid()}.json')
    with open(path, 'a') as records:
        records.write(json.dumps(facts) + '\n')
