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
"""Parsers of the arguments of operations.

Each takes the text of a request and returns a value or refuses it. What is
missing, not known or not a number is COMMAND_FORMAT_ERROR; what is well
formed but not allowed has the code that the vendor has for it.
"""

import ipaddress
import re

from dsware_sim import codes

# Larger than any cluster, small enough for 64-bit sums.
MAX_SIZE = 1 << 40

_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,94}\Z')
_DECIMAL = re.compile(r'-?[0-9]{1,18}\Z')
_LIMIT = re.compile(r'[0-9]{1,18}\Z')


def parse(operation, arguments):
    """Parse all the arguments of a request.

    :param operation: a :class:`dsware_sim.cluster.plan.Operation`
    :param arguments: dict of texts, manage_ip included
    :returns: dict of parsed values, without manage_ip
    :raises Refused: an argument is missing, unknown or wrong
    """
    if not arguments.get('manage_ip'):
        raise codes.Refused(codes.COMMAND_FORMAT_ERROR, 'no manage_ip')
    parsed = {}
    for key, parser in operation.arguments.items():
        if key not in arguments:
            raise codes.Refused(codes.COMMAND_FORMAT_ERROR, 'no %s' % key)
        parsed[key] = parser(key, arguments[key])
    if len(arguments) > len(parsed) + 1:
        _parse_rest(operation, arguments, parsed)
    return parsed


def _parse_rest(operation, arguments, parsed):
    for key, text in arguments.items():
        if key in parsed or key == 'manage_ip':
            continue
        parser = operation.optional.get(key)
        if parser is None:
            raise codes.Refused(codes.COMMAND_FORMAT_ERROR,
                                'unknown argument %s' % key)
        parsed[key] = parser(key, text)


def text(key, value):
    """Parse a text that may be anything.

    :param key: name of the argument
    :param value: its text
    :returns: the same text
    """
    return value


def _name(code, key, value):
    if _NAME.match(value) is None:
        raise codes.Refused(
            code, '%s %r is not 1 to 95 characters of A-Z, a-z, 0-9, "_", '
            '"." and "-", with neither "." nor "-" first' % (key, value))
    return value


def volume_name(key, value):
    """Parse the name of a volume.

    :param key: name of the argument
    :param value: its text
    :returns: the name
    :raises Refused: it breaks the rules of names
    """
    return _name(codes.VOLUME_NAME_INVALID, key, value)


def snapshot_name(key, value):
    """Parse the name of a snapshot.

    :param key: name of the argument
    :param value: its text
    :returns: the name
    :raises Refused: it breaks the rules of names
    """
    return _name(codes.SNAPSHOT_NAME_INVALID, key, value)


def node_name(key, value):
    """Parse a name that may be a volume's or a snapshot's.

    :param key: name of the argument
    :param value: its text
    :returns: the name
    :raises Refused: it breaks the rules of names
    """
    return _name(codes.NODE_NAME_INVALID, key, value)


def qos_name(key, value):
    """Parse the name of a QoS.

    :param key: name of the argument
    :param value: its text
    :returns: the name
    :raises Refused: it breaks the rules of names
    """
    return _name(codes.COMMAND_FORMAT_ERROR, key, value)


def _list(parser, key, value):
    return [parser(key, item) for item in value.split(',')]


def volume_names(key, value):
    """Parse a list of volume names.

    :param key: name of the argument
    :param value: its text, names separated by commas
    :returns: list of names
    :raises Refused: one of them breaks the rules of names
    """
    return _list(volume_name, key, value)


def snapshot_names(key, value):
    """Parse a list of snapshot names.

    :param key: name of the argument
    :param value: its text, names separated by commas
    :returns: list of names
    :raises Refused: one of them breaks the rules of names
    """
    return _list(snapshot_name, key, value)


def integer(key, value):
    """Parse a whole number.

    :param key: name of the argument
    :param value: its text
    :returns: int
    :raises Refused: it is no decimal number
    """
    if _DECIMAL.match(value) is None:
        raise codes.Refused(codes.COMMAND_FORMAT_ERROR,
                            '%s %r is not a decimal number' % (key, value))
    return int(value)


def pool(key, value):
    """Parse the number of a pool.

    :param key: name of the argument
    :param value: its text
    :returns: int
    :raises Refused: it is no number, or less than 0
    """
    number = integer(key, value)
    if number < 0:
        raise codes.Refused(codes.POOL_ID_OUT_OF_RANGE,
                            '%s %d is less than 0' % (key, number))
    return number


def size(key, value):
    """Parse a volume's size.

    :param key: name of the argument
    :param value: its text, in MiB
    :returns: int
    :raises Refused: it is no number, or out of range
    """
    number = integer(key, value)
    if not 1 <= number <= MAX_SIZE:
        raise codes.Refused(codes.VOLUME_SIZE_INVALID,
                            '%s %d is not 1 to %d MiB'
                            % (key, number, MAX_SIZE))
    return number


def flag(key, value):
    """Parse a flag.

    :param key: name of the argument
    :param value: its text, 0 or 1
    :returns: bool
    :raises Refused: it is neither
    """
    if value not in ('0', '1'):
        raise codes.Refused(codes.COMMAND_FORMAT_ERROR,
                            '%s %r is neither 0 nor 1' % (key, value))
    return value == '1'


def limit(key, value):
    """Parse a limit of a QoS.

    :param key: name of the argument
    :param value: its text
    :returns: int, 0 for no limit
    :raises Refused: it is no decimal number
    """
    if _LIMIT.match(value) is None:
        raise codes.Refused(codes.COMMAND_FORMAT_ERROR,
                            '%s %r is not a decimal number of 0 or more'
                            % (key, value))
    return int(value)


def address(key, value):
    """Parse an address of an agent.

    :param key: name of the argument
    :param value: its text
    :returns: the address in its usual form
    :raises Refused: it is not an IP address
    """
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise codes.Refused(codes.COMMAND_FORMAT_ERROR,
                            '%s %r is not an IP address' % (key, value))
