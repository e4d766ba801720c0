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

"""``python -m tools.fuzz``: see ``--help``."""

import argparse
import hashlib
import pathlib
import sys
import time

from tools.fuzz import runner


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog='python -m tools.fuzz', description='Throw nearly valid input '
        'at everything that reads what a cluster or a disk holds.')
    parser.add_argument('--inputs', type=int, default=20_000,
                        help='how many, over all targets (%(default)s)')
    parser.add_argument('--seed', type=int, default=1,
                        help='decides all that chance decides (%(default)s)')
    parser.add_argument('--jobs', type=int, default=2,
                        help='processes at a time (%(default)s)')
    parser.add_argument('--only', default='', metavar='TEXT',
                        help='targets whose names have this text')
    parser.add_argument('--keep', type=pathlib.Path, metavar='DIRECTORY',
                        help='where input that shows a defect is written')
    return parser.parse_args(argv)


def _print_account(account):
    print(f'{account.name}')
    print(f'    {account.inputs:,} inputs, {account.seconds:.0f} s of '
          f'processor time, {account.memory / 2 ** 20:.0f} MiB more memory, '
          f'slowest input {account.slowest[0] * 1000:.0f} ms '
          f'({account.slowest[1]:,} bytes)')
    for outcome, count in account.outcomes.most_common():
        print(f'    {count:>9,}  {outcome}')
    for what, data in account.defects:
        print(f'    !! {what!r} from {data[:200]!r}')
    sys.stdout.flush()


def _keep(directory, account):
    directory.mkdir(parents=True, exist_ok=True)
    for _what, data in account.defects:
        name = hashlib.sha256(data).hexdigest()[:16]
        (directory / f'{account.name.replace(": ", "-")}-{name}').write_bytes(
            data)


def main(argv=None) -> int:
    """Run, and print what came of it.

    :param argv: arguments in place of the program's
    :returns: the exit code, 1 when there was a defect
    """
    args = _arguments(argv)
    started = time.monotonic()
    total = defects = 0
    for account in runner.run_all(args.inputs, args.seed, args.jobs,
                                  args.only):
        _print_account(account)
        total += account.inputs
        defects += sum(count for outcome, count in account.outcomes.items()
                       if outcome.startswith('DEFECT'))
        if args.keep and account.defects:
            _keep(args.keep, account)
    print(f'{total:,} inputs, {defects:,} of them showed a defect; '
          f'{time.monotonic() - started:.0f} s')
    return 1 if defects else 0


if __name__ == '__main__':
    sys.exit(main())
