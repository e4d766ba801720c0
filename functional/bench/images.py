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

"""Speed of copying images, as a ratio to ``qemu-img convert`` alone.

Both are measured in one run, one after the other, on new volumes of the same
simulated cluster. The driver's part is measured: to attach the volume, to
check and to copy the image, and to detach; of an image that is copied to a
volume, also the part that qemu-img works for the driver. Glance is not in it:
an image to be copied is there as a file, and one that is sent is not received.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import uuid

import os_brick
from os_brick.initiator import connector
from oslo_concurrency import lockutils
from oslo_config import cfg

from cinder import context
from cinder.db import migration
from cinder import objects
from cinder.volume import volume_utils
from dsware_sim import testing
from functional.bench import drivers
from functional import content
from functional.services import cinder as cinder_service
from functional.services import programs

CONF = cfg.CONF
# What Glance's client reads at a time.
_CHUNK = 65536
_COLUMNS = '{:<16} {:>6} {:>11} {:>9} {:>6} {:>13} {:>6}'
_HEADINGS = ('job', 'MiB', 'qemu-img s', 'driver s', 'ratio', 'conversion s',
             'ratio')
# Stands before the real one, to tell how long each conversion took.
_QEMU_IMG = '''#!/bin/sh
start=$(date +%%s.%%N)
%(program)s "$@" || exit
[ "$1" != convert ] || echo "$start $(date +%%s.%%N)" >> %(times)s
'''


DESCRIPTION = (
    'Measures the copying of raw images to and from volumes, half of each '
    'image being zeros.')


class ImageService:
    """Stands for Glance: an image that has been fetched already."""

    def __init__(self, path):
        self.path = path
        # As if the manager had fetched it, which it does for every driver.
        self.temp_images = self

    def get(self, _context, _image_id):
        return str(self.path)

    def show(self, _context, image_id):
        return {'id': image_id, 'disk_format': 'raw',
                'container_format': 'bare', 'size': self.path.stat().st_size}

    def update(self, _context, _image_id, _meta, data, **_kwargs):
        while data.read(_CHUNK):
            pass


def add_arguments(parser):
    """Add what this command can be told."""
    parser.add_argument('--sizes', type=int, nargs='+',
                        default=[256, 1024, 4096],
                        help='MiB (%(default)s)')
    parser.add_argument('--repeat', type=int, default=5,
                        help='how often; the shortest times are shown '
                             '(%(default)s)')


def _configure(directory, simulator):
    """Be a host that runs cinder-volume, with an agent of its own."""
    address, port = simulator.agents[0]
    (directory / 'locks').mkdir(exist_ok=True)
    path = directory / 'bench.conf'
    programs.write_config(path, {
        'DEFAULT': {'my_ip': address, 'log_file': directory / 'log',
                    'image_conversion_dir': directory},
        'database': {'connection': f'sqlite:///{directory}/cinder.sqlite'},
        'oslo_concurrency': {'lock_path': directory / 'locks'},
        'os_brick': {'dsware_agent_ip': address, 'dsware_agent_port': port,
                     'dsware_fsc_cli': f'{simulator.bin}/fsc_cli'},
        **cinder_service.privsep_sections()})
    CONF(['--config-file', str(path)], project='cinder')
    lockutils.set_defaults(str(directory / 'locks'))
    os_brick.setup(CONF)
    objects.register_all()
    # Where the driver looks who uses a volume.
    migration.db_sync()


def _write_qemu_img(directory):
    program = directory / 'bin' / 'qemu-img'
    program.write_text(_QEMU_IMG % {'program': programs.qemu_img(),
                                    'times': directory / 'conversions'})
    program.chmod(0o755)


class Copies:
    """Copies one image, in each of the ways that are compared."""

    def __init__(self, dsware, image, received, conversions):
        self._driver = dsware
        self._image = image
        self._received = received
        self._conversions = conversions
        self._service = ImageService(image)
        self._context = context.get_admin_context()

    @contextlib.contextmanager
    def _volume(self):
        volume = drivers.new_volume(
            -(-self._image.stat().st_size // content.GIB))
        self._driver.create_volume(volume)
        try:
            yield volume
        finally:
            self._driver.delete_volume(volume)

    @contextlib.contextmanager
    def _device(self, volume):
        properties = volume_utils.brick_get_connector_properties()
        info = self._driver.initialize_connection(volume, properties)
        brick = connector.InitiatorConnector.factory(
            info['driver_volume_type'], 'sudo')
        device = brick.connect_volume(info['data'])
        try:
            yield device['path']
        finally:
            brick.disconnect_volume(info['data'], device)

    def image_to_volume_alone(self):
        """Copy the image to a new volume with qemu-img.

        :returns: seconds
        """
        with self._volume() as volume, self._device(volume) as path:
            return _timed(_convert, '-t', 'none', self._image, path)

    def image_to_volume(self):
        """Copy the image to a new volume.

        :returns: seconds, and those of them that qemu-img took to convert
        """
        with self._volume() as volume:
            seconds = _timed(
                self._driver.copy_image_to_volume, self._context, volume,
                self._service, str(uuid.uuid4()))
        start, end = self._conversions.read_text().split()[-2:]
        return seconds, float(end) - float(start)

    def volume_to_image_alone(self):
        """Copy a volume to a file with qemu-img.

        :returns: seconds
        """
        with self._volume() as volume, self._device(volume) as path:
            _convert('-t', 'none', self._image, path)
            try:
                return _timed(_convert, path, self._received)
            finally:
                self._received.unlink()

    def volume_to_image(self):
        """Copy a volume to an image.

        :returns: seconds, and none that qemu-img took
        """
        with self._volume() as volume:
            with self._device(volume) as path:
                _convert('-t', 'none', self._image, path)
            return _timed(
                self._driver.copy_volume_to_image, self._context, volume,
                self._service, self._service.show(None, 'image')), None


def _convert(*arguments):
    subprocess.run(['qemu-img', 'convert', '-O', 'raw', '-f', 'raw',
                    *map(str, arguments)], check=True)


def _timed(function, *args):
    # What was written before is not to be paid for now.
    os.sync()
    start = time.monotonic()
    function(*args)
    return time.monotonic() - start


def _rows(dsware, directory, arguments):
    for size in arguments.sizes:
        image = directory / 'image'
        content.make_half_image(image, size)
        copies = Copies(dsware, image, directory / 'received',
                        directory / 'conversions')
        for name, alone, job in (
                ('image to volume', copies.image_to_volume_alone,
                 copies.image_to_volume),
                ('volume to image', copies.volume_to_image_alone,
                 copies.volume_to_image)):
            floors, times = _alternate(alone, job, arguments.repeat)
            print(f'{name}, {size} MiB: {floors}, {times}', file=sys.stderr)
            floor = min(floors)
            yield (name, size, f'{floor:.2f}',
                   *(text for column in zip(*times, strict=True)
                     for text in _compared(floor, column)))


def _compared(floor, times):
    if None in times:
        return '', ''
    seconds = min(times)
    return f'{seconds:.2f}', f'{floor / seconds:.2f}'


def _alternate(one, other, repeat):
    """Do two things in turn, each first as often as the other.

    What disturbs a measurement makes it longer, so the shortest counts.
    """
    times = {one: [], other: []}
    for number in range(repeat):
        for job in (one, other) if number % 2 else (other, one):
            times[job].append(job())
    return times[one], times[other]


def table(arguments):
    """Measure, and give the lines of the table.

    :param arguments: see add_arguments()
    """
    with (testing.Simulator(agents=1, devices='loop') as simulator,
          tempfile.TemporaryDirectory(prefix='dsware-bench-') as name):
        directory = pathlib.Path(name)
        programs.write_sudo(directory / 'bin')
        _write_qemu_img(directory)
        os.environ['PATH'] = programs.search_path(directory / 'bin',
                                                  simulator.bin)
        _configure(directory, simulator)
        dsware = drivers.make('bench', simulator.agents)
        return [_COLUMNS.format(*row) for row in (
            _HEADINGS, *_rows(dsware, directory, arguments))]
