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

"""Whether cinder-volume can record what it attaches to its own host."""

from oslo_config import cfg

from dsware_doctor import findings
from dsware_doctor.host import directory
from os_brick_dsware import connector
from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers

CONF = cfg.CONF


def check() -> list[findings.Finding]:
    """Look at the directory of the records.

    :returns: what was found
    """
    account = directory.of_service('cinder')
    try:
        ledger = ledgers.Ledger(connector.ledger_directory(CONF))
    except exceptions.ConfigurationError as error:
        return [findings.problem(
            'lock-directory',
            str(error), 'set lock_path in group os_brick to a directory that '
            'is made with ' + directory.making(
                directory.PROPOSED, account
                or directory.current()))]
    return directory.check(ledger, [account] if account else [])
