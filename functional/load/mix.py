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

"""Which operations the workers do, and how often each is chosen."""

import types

WEIGHTS = types.MappingProxyType({
    'create': 10, 'delete': 8, 'snapshot': 8, 'delete_snapshot': 5,
    'clone': 6, 'from_snapshot': 6, 'extend': 6, 'revert': 5, 'look': 14,
    'attach': 9, 'detach': 9, 'retype': 6, 'list': 0.2,
    'list_snapshots': 0.2, 'stats': 1})
