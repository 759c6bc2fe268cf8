# Zone reports as tools have printed them
#
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Of a drive of QEMU's (nvme-ns, 8 zones of 16 MiB with 12 MiB of capacity,
# logical blocks of 4096 bytes, extensions of 64) in a Linux guest: zones 0 and
# 6 Empty, 1 implicitly open, 2 Closed, 3 explicitly open, 4 finished after 28
# KiB, 5 Closed by its extension, 7 full.

# util-linux: blkzone report /dev/nvme0n1
BLKZONE = '''\
  start: 0x000000000, len 0x008000, cap 0x006000, wptr 0x000000 \
reset:0 non-seq:0, zcond: 1(em) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000008000, len 0x008000, cap 0x006000, wptr 0x000018 \
reset:0 non-seq:0, zcond: 2(oi) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000010000, len 0x008000, cap 0x006000, wptr 0x000028 \
reset:0 non-seq:0, zcond: 4(cl) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000018000, len 0x008000, cap 0x006000, wptr 0x000000 \
reset:0 non-seq:0, zcond: 3(oe) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000020000, len 0x008000, cap 0x006000, wptr 0x008000 \
reset:0 non-seq:0, zcond:14(fu) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000028000, len 0x008000, cap 0x006000, wptr 0x000000 \
reset:0 non-seq:0, zcond: 4(cl) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000030000, len 0x008000, cap 0x006000, wptr 0x000000 \
reset:0 non-seq:0, zcond: 1(em) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000038000, len 0x008000, cap 0x006000, wptr 0x008000 \
reset:0 non-seq:0, zcond:14(fu) [type: 2(SEQ_WRITE_REQUIRED)]
'''

# nvme-cli: nvme zns report-zones -o json /dev/nvme0n1
NVME = '''\
{
  "nr_zones":8,
  "zone_list":[
    {
      "slba":0,
      "wp":0,
      "cap":3072,
      "state":"EMPTY",
      "type":"SEQWRITE_REQ",
      "attrs":0,
      "attrs_info":0
    },
    {
      "slba":4096,
      "wp":4099,
      "cap":3072,
      "state":"IMP_OPENED",
      "type":"SEQWRITE_REQ",
      "attrs":0,
      "attrs_info":0
    },
    {
      "slba":8192,
      "wp":8197,
      "cap":3072,
      "state":"CLOSED",
      "type":"SEQWRITE_REQ",
      "attrs":0,
      "attrs_info":0
    },
    {
      "slba":12288,
      "wp":12288,
      "cap":3072,
      "state":"EXP_OPENED",
      "type":"SEQWRITE_REQ",
      "attrs":0,
      "attrs_info":0
    },
    {
      "slba":16384,
      "wp":18446744073709551615,
      "cap":3072,
      "state":"FULL",
      "type":"SEQWRITE_REQ",
      "attrs":0,
      "attrs_info":0
    },
    {
      "slba":20480,
      "wp":20480,
      "cap":3072,
      "state":"CLOSED",
      "type":"SEQWRITE_REQ",
      "attrs":128,
      "attrs_info":0
    },
    {
      "slba":24576,
      "wp":24576,
      "cap":3072,
      "state":"EMPTY",
      "type":"SEQWRITE_REQ",
      "attrs":0,
      "attrs_info":0
    },
    {
      "slba":28672,
      "wp":18446744073709551615,
      "cap":3072,
      "state":"FULL",
      "type":"SEQWRITE_REQ",
      "attrs":0,
      "attrs_info":0
    }
  ]
}
'''
