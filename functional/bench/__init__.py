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

"""Speed of the driver on the simulator, as ratios within one run.

The floor is a bare client of the simulator: what the least that carries a
request costs. Everything else is measured in the same run on the same machine
and given as a ratio to it, because numbers of different machines cannot be
compared.
"""
