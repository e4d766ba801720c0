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

"""The guests' operating system: a boot sector.

It says on the serial port that it runs, and then lets the processor rest. It
knows no disks, but those of the bus SCSI are plugged in and out without its
help, and a guest needs no more to have volumes. It starts at once, even where
the processor is emulated.
"""

import struct

MESSAGE = b'The guest runs.\r\n'
# What an image with it tells Nova.
PROPERTIES = {'hw_disk_bus': 'scsi', 'hw_scsi_model': 'virtio-scsi'}
SIZE = 1 << 20
_SECTOR = 512
_TABLE = 446
_ADDRESS = 0x7c00
_CODE = bytes.fromhex(
    '31c0'      # xor ax, ax
    '8ed8'      # mov ds, ax
    'be0000'    # mov si, MESSAGE
    'baf803'    # mov dx, 0x3f8
    'ac'        # next: lodsb
    '84c0'      # test al, al
    '7403'      # jz rest
    'ee'        # out dx, al
    'ebf8'      # jmp next
    'f4'        # rest: hlt
    'ebfd')     # jmp rest
# An entry of the partition table, for programs that want one: bootable, of
# the type of Linux, of all sectors but this one.
_PARTITION = struct.pack('<B3sB3sII', 0x80, b'\0\2\0', 0x83, b'\xff' * 3,
                         1, SIZE // _SECTOR - 1)


def image():
    """Make the image of a disk that boots.

    :returns: its bytes
    """
    message = (_ADDRESS + len(_CODE)).to_bytes(2, 'little')
    code = _CODE.replace(b'\xbe\x00\x00', b'\xbe' + message)
    sector = (code + MESSAGE).ljust(_TABLE, b'\0') + _PARTITION
    return (sector.ljust(_SECTOR - 2, b'\0') + b'\x55\xaa').ljust(SIZE, b'\0')
