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

"""Many workers on the driver for a long time, while the cluster fails.

``tox -e load`` starts a simulated cluster with many volumes and a process
with the driver, lets workers do all operations at random, takes agents down
and kills the cluster meanwhile, and judges by counts what is left: no
operation failed, nothing is left over on the cluster, and neither process
has more memory, descriptors, sockets or threads than after it warmed up.
"""
