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

"""Records of the log that say all by themselves.

oslo.log appends the error that is being handled to every record from WARNING
on, which tells once more what a record says of it.
"""


def write(log, level: int, message: str, *args) -> None:
    """Log a record to which oslo.log appends nothing.

    :param log: the module's logger
    :param level: of the record, as in the module logging
    :param message: with places for the arguments
    :param args: what logging takes besides
    """
    try:
        # oslo.log passes over this and a few others of Python's own errors.
        raise ValueError
    except ValueError:
        log.log(level, message, *args)
