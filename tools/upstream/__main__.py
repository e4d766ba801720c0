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

"""Make the patches, check them, and write them down: see --help."""

import argparse
from concurrent import futures
import pathlib
import sys
import tempfile

from tools.upstream import gates
from tools.upstream import places
from tools.upstream import rewriting
from tools.upstream import series
from tools.upstream import sources

_DESCRIPTION = """
Makes the patches for os-brick, Cinder and Nova from this repository's
sources, on the releases that sdists.txt names. Each patch is checked with the
tree's style, each series with all gates of its tree, and with git am on a tree
without it.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the program.

    :returns: its exit code
    """
    parser = argparse.ArgumentParser(prog='upstream',
                                     description=_DESCRIPTION)
    parser.add_argument('--cache', type=pathlib.Path, required=True,
                        help='directory that keeps the releases')
    parser.add_argument('--output', type=pathlib.Path, required=True,
                        help='directory that the series are written to')
    parser.add_argument('--trees', type=pathlib.Path,
                        help='directory that keeps the trees')
    parser.add_argument('--author', default=sources.NOBODY,
                        metavar='NAME <ADDRESS>', type=_author,
                        help='who proposes the patches, and signs them off')
    parser.add_argument('--all', action='store_true',
                        help="run all tests of the driver for each patch, "
                             'not only those that it changes')
    parser.add_argument('--quick', action='store_true',
                        help="leave out the gates but that of unused code")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        options.trees = options.trees or pathlib.Path(directory)
        try:
            _make(options)
        except (gates.Failed, rewriting.Unexpected) as error:
            print(error)
            return 1
    return 0


def _author(text):
    """Read an option's value, for argparse to name it if it is wrong."""
    try:
        sources.checked_author(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(error) from None
    return text


def _make(options):
    archives = sources.fetch(options.cache)
    table = places.Places()

    def commit(name, *others):
        tree = sources.unpack(archives[name], options.trees / name,
                              options.author)
        made = series.Series(table, name, tree)
        checks = gates.Gates(tree, *others)
        for patch in made.patches:
            files = made.apply(patch)
            if options.quick:
                checks.all_is_used(patch.name)
            else:
                checks.of_patch(patch.name, files, options.all)
        return made, checks

    def make(name):
        _finish(options, *commit(name, brick.tree))

    # The others import it.
    brick, checks = commit('os-brick')
    # Much of what each does has one process only.
    with futures.ThreadPoolExecutor() as pool:
        for made in (pool.submit(make, 'cinder'), pool.submit(make, 'nova'),
                     pool.submit(_finish, options, brick, checks)):
            made.result()


def _finish(options, made, checks):
    """Check the series of a tree, and write it down."""
    if not options.quick:
        gates.OF[made.tree.path.name](checks)
    for path in made.write(options.output.absolute() / made.tree.path.name):
        print(path)


if __name__ == '__main__':
    sys.exit(main())
