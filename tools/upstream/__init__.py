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

"""Patches for Cinder, os-brick and Nova from this repository's sources.

places.toml says where each module goes, in which patch of which series, or
why it never does. Modules are copied with the names of the packages that they
get there; see :mod:`rewriting`. What only a tree has, such as release notes,
is in files/SERIES/PATCH/.
"""
