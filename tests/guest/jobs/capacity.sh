# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A zone that has less capacity from a reset on, seen by nvme-cli: that this may
# happen, that the reset says so, and what the zone holds from then on.  Linux
# makes no disk of a namespace that announces this, and has a character device
# for it.
#
#: programs  nvme blkzone
#: modules   mq-deadline
#: drive     zones=16 zone_size=16M
#: namespace 2 zones=16 zone_size=16M zone_capacity=12M bus=nvme1
#: namespace 2 zoned.variable_capacity=on
#: starting  2 block-zone-set-capacity zone=3 capacity=9437184
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_RECV
#: variants  persistent

START=$((3 * 32768))

NS=$(nvme_character_device nvme1)

zone3() {
    run nvme zns report-zones "$NS" -s $START -d 1
}

first() {
    run nvme zns id-ns "$NS"
    says 'zoc *: 1$'
    head -c 65536 /dev/urandom >/tmp/source
    run nvme zns zone-append "$NS" -s $START -z 65536 -d /tmp/source
    run nvme zns reset-zone "$NS" -s $START
    says 'zcapc:0'
    run nvme zns zone-append "$NS" -s $START -z 65536 -d /tmp/source
    zone3
    says 'Cap: 0x6000 .*State: 0x20 '
}

second() {
    zone3
    says 'Cap: 0x6000 .*State: 0x40 '
    run nvme zns reset-zone "$NS" -s $START
    says 'zcapc:1'
    zone3
    says 'Cap: 0x4800 .*State: 0x10 '
    head -c 98304 /dev/urandom >/tmp/source
    for _ in $(seq 96); do
        run nvme zns zone-append "$NS" -s $START -z 98304 -d /tmp/source
    done
    zone3
    says 'Cap: 0x4800 .*State: 0xe0 '
    refuse '0x41b9' nvme zns zone-append "$NS" -s $START -z 65536 \
        -d /tmp/source
    run nvme zns reset-zone "$NS" -s $START
    says 'zcapc:0'
    zone3
    says 'Cap: 0x4800 .*State: 0x10 '
}
