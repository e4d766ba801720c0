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

"""The directory of the records: what is wrong with it, and what mends it.

Who asks need not be who is to use it: root, who may do everything, asks for
a service. So permissions are judged by what the system tells of the files,
and nothing is opened.
"""

from collections.abc import Iterable
import contextlib
import dataclasses
import grp
import operator
import os
import pwd
import shlex
import stat

from dsware_doctor import findings
from os_brick_dsware import fsc_cli
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import shared_directory

#: Who attaches volumes, as their packages call them.
SERVICE_ACCOUNTS = ('cinder', 'glance', 'nova')
#: For the services of a host that has more than one of these accounts.
GROUP = 'os-brick'
PROPOSED = '/var/lib/os-brick/locks'

_READ, _WRITE, _ENTER = 4, 2, 1


@dataclasses.dataclass(frozen=True)
class Account:
    """Who is to use a directory.

    :param name: name of the user
    :param uid: its id
    :param groups: ids of its groups
    """

    name: str
    uid: int
    groups: frozenset[int]

    def may(self, what: int, there: os.stat_result) -> bool:
        """Tell whether it may do something with a file.

        :param what: bits of a mode, as those of others
        :param there: what the system tells of the file
        :returns: True if its owner, group and mode allow all of it
        """
        if self.uid == 0:
            return True
        shift = (6 if there.st_uid == self.uid
                 else 3 if there.st_gid in self.groups else 0)
        return there.st_mode >> shift & what == what


@dataclasses.dataclass(frozen=True)
class Wrong:
    """Something that is wrong.

    :param text: what it is
    :param cure: what to do, with a command in back quotes
    """

    text: str
    cure: str


def current() -> Account:
    """Describe who runs this process.

    :returns: the account
    """
    return Account(_user(os.geteuid()), os.geteuid(),
                   frozenset([os.getegid(), *os.getgroups()]))


def of_service(name: str) -> Account | None:
    """Describe the account of a service.

    :param name: its name
    :returns: the account, None if this host has none
    """
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, found.pw_uid, frozenset(
        os.getgrouplist(name, found.pw_gid)))


def owner(there: os.stat_result) -> str:
    """Name the user and the group that something belongs to.

    :param there: what the system tells of it
    :returns: USER:GROUP
    """
    return '%s:%s' % (_user(there.st_uid), _group(there.st_gid))


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def wrong(directory: str, account: Account) -> Wrong | None:
    """Find what keeps an account from the records, or lets others in.

    :param directory: that of this boot, in the one of all boots
    :param account: who is to use it
    :returns: the first thing that is wrong, None if all is well
    """
    try:
        return _wrong(os.path.abspath(directory), account)
    except OSError as exc:
        return Wrong('%s cannot be looked at: %s' % (directory, exc),
                     'see why, and mend it')


def _wrong(directory: str, account: Account) -> Wrong | None:
    root = os.path.dirname(directory)
    parent = os.path.dirname(root)
    found = _of_lock_path(parent, root, account)
    if found or not os.path.lexists(root):
        return found
    above = os.stat(parent)
    access = shared_directory.Access(above)
    give, admit = _give(parent, root, access), _admit(parent, above, account)
    found = (_of_directory(root, account, give, admit)
             or _of_directory(directory, account, give, admit)
             or _of_files(directory, account, give))
    if access.exposed and not found:
        return _exposed('%s is open to everybody' % parent)
    return found


def _quoted(text: str) -> str:
    # A back quote, which is quoted anyway, would end the command too early.
    return shlex.quote(text).replace('`', r'\x60')


# The directory that lock_path names -----------------------------------------

def _of_lock_path(path: str, root: str, account: Account) -> Wrong | None:
    foreign = shared_directory.foreign(path, account.uid)
    if foreign:
        return _exposed('%s: %s' % (foreign, shared_directory.FOREIGN))
    try:
        there = os.stat(path)
    except FileNotFoundError:
        if account.uid and account.may(_WRITE | _ENTER, _above(path)):
            return None
        return Wrong('%s, which lock_path names, does not exist' % path,
                     making(path, account))
    if not stat.S_ISDIR(there.st_mode):
        return Wrong('%s, which lock_path names, is not a directory' % path,
                     'move it away, then ' + making(path, account))
    if os.path.lexists(root):
        return None
    if not account.may(_WRITE | _ENTER, there):
        return Wrong(_refused(path, there, account),
                     _admit(path, there, account))
    return None


def _above(path: str) -> os.stat_result:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return os.stat(path)


def _refused(path: str, there: os.stat_result, account: Account) -> str:
    return '%s belongs to %s, mode %o: %s cannot write there' % (
        path, owner(there), stat.S_IMODE(there.st_mode), account.name)


def _exposed(text: str) -> Wrong:
    return Wrong(text, 'set lock_path to a directory where only the services '
                 'of this host may write: ' + making(PROPOSED, current()))


def _admit(path: str, there: os.stat_result, account: Account) -> str:
    if there.st_mode & stat.S_IWGRP and there.st_gid:
        return '`usermod -aG %s %s`, and restart its services' % (
            _quoted(_group(there.st_gid)), _quoted(account.name))
    return making(path, account, _user(there.st_uid))


def making(path: str, *users: Account | str) -> str:
    """Write the command that makes a directory for all services.

    :param path: its path
    :param users: who is to use it, besides the services of this host
    :returns: the command in back quotes, and what to do then
    """
    found = {user if isinstance(user, str) else user.name for user in users}
    found |= {name for name in SERVICE_ACCOUNTS if of_service(name)}
    names = [_quoted(name) for name in sorted(found - {'root'})]
    if len(names) < 2:
        user = names[0] if names else 'root'
        account = of_service(names[0]) if names else None
        group = _group(pwd.getpwnam(user).pw_gid) if account else user
        return '`install -d -o %s -g %s -m 2770 %s`' % (
            user, _quoted(group), _quoted(path))
    join = ' && '.join('usermod -aG %s %s' % (GROUP, name) for name in names)
    return '`groupadd -f %s && %s && install -d -o root -g %s -m 2770 %s`, ' \
        'and restart their services' % (GROUP, join, GROUP,
                                        _quoted(path))


# What is in it --------------------------------------------------------------

def _of_directory(path: str, account: Account, give: str,
                  admit: str) -> Wrong | None:
    parent = os.path.dirname(path)
    try:
        above = os.stat(parent)
        there = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(there.st_mode):
        return Wrong('%s is not a directory' % path,
                     'see who made it, and move it away: `mv -- %s %s`' % (
                         _quoted(path), _quoted(path + '.away')))
    access = shared_directory.Access(above)
    if not access.trusts(there, account.uid):
        return _exposed('%s: %s' % (path, shared_directory.FOREIGN))
    text = '%s belongs to %s, mode %o' % (
        path, owner(there), stat.S_IMODE(there.st_mode))
    if not (access.exposed or _is_given(there, access)):
        return Wrong('%s: not to those whom %s is for' % (text, parent), give)
    if not account.may(_READ | _WRITE | _ENTER, there):
        return Wrong(_refused(path, there, account), admit)
    if there.st_mode & stat.S_IRWXO:
        return Wrong(text + ': it is open to everybody on this host',
                     '`chmod -R o= %s`' % _quoted(path))
    return None


def _is_given(there: os.stat_result,
              access: shared_directory.Access) -> bool:
    """Tell whether who may use the directory above may use this one."""
    if access.shared:
        return (there.st_gid == access.group
                and there.st_mode & stat.S_IRWXG == stat.S_IRWXG)
    return bool(there.st_uid) or not access.owner


def _give(parent: str, root: str, access: shared_directory.Access) -> str:
    return '`chown -R --reference={0} {1} && chmod -R u=rwX,g={2},o= {1}`' \
        .format(_quoted(parent), _quoted(root),
                'rwX' if access.shared else '')


def _of_files(directory: str, account: Account, give: str) -> Wrong | None:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        # Not there, or who asks may not look.
        return None
    found = (_of_file(os.path.join(directory, name), account, give)
             for name in names)
    return next(filter(None, found), None)


def _of_file(path: str, account: Account, give: str) -> Wrong | None:
    try:
        there = os.lstat(path)
    except OSError:
        # It comes and goes with its volume.
        return None
    path = fsc_cli.printable(path, os.pathconf('/', 'PC_PATH_MAX'))
    if not stat.S_ISREG(there.st_mode):
        return Wrong('%s is not a regular file' % path,
                     'see who made it, and remove it: `rm -r -- %s`'
                     % _quoted(path))
    if not account.may(_READ, there):
        return Wrong('%s belongs to %s, mode %o: %s cannot read it' % (
            path, owner(there), stat.S_IMODE(there.st_mode), account.name),
            give)
    return None


# What the check says --------------------------------------------------------

def check(ledger: ledgers.Ledger,
          accounts: Iterable[Account] = ()) -> list[findings.Finding]:
    """Look at the directory of the records.

    :param ledger: the ledger
    :param accounts: of the services that use it; without any, whoever runs
        this process is taken to be one
    :returns: what was found
    """
    me = current()
    problems = {found.text: found for account in list(accounts) or [me]
                for found in [wrong(ledger.this_boot, account)] if found}
    if problems and me.uid and wrong(ledger.this_boot, me):
        # Whether it is wrong, or only not for this user, is root's to tell.
        return [findings.problem(
            'lock-directory',
            found.text, 'run this check as root, or, if the services '
            'run as %s: %s' % (me.name, found.cure))
            for found in problems.values()]
    if problems:
        return [findings.problem('lock-directory', found.text, found.cure)
                for found in problems.values()]
    try:
        there = os.stat(ledger.directory)
    except FileNotFoundError:
        return [findings.ok('%s is not there yet: it is made when the first '
                            'volume is attached' % ledger.directory)]
    return [findings.ok('%s belongs to %s, mode %o' % (
        ledger.directory, owner(there),
        stat.S_IMODE(there.st_mode)))] + _other_boots(ledger)


def other_boots(ledger: ledgers.Ledger) -> dict[str, str | None]:
    """List the records that are not of this boot of this host.

    :param ledger: the ledger
    :returns: names of hosts by path of directory, None if it is unknown
    """
    boot = os.path.basename(ledger.this_boot)
    try:
        with shared_directory.opened(ledger.directory) as root:
            return {entry.path: ledgers.host_of(root, entry.name)
                    for entry in sorted(os.scandir(ledger.directory),
                                        key=operator.attrgetter('name'))
                    if entry.name != boot
                    and entry.is_dir(follow_symlinks=False)}
    except OSError:
        return {}


def forget(ledger: ledgers.Ledger, boots: Iterable[str]) -> None:
    """Remove the records of other boots.

    :param ledger: the ledger
    :param boots: paths of their directories
    """
    with (contextlib.suppress(FileNotFoundError),
          shared_directory.opened(ledger.directory) as root):
        for path in boots:
            root.remove_tree(os.path.basename(path))


def _other_boots(ledger) -> list[findings.Finding]:
    return [findings.note('%s has records of %s; they count for nothing' % (
        path, 'host %s before it was booted' % host if host
        else 'an unknown host')) for path, host
        in other_boots(ledger).items()]
