# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What QEMU without this project refuses on a zoned namespace: Format NVM,
# which makes every zone Empty and its data zeros, and the Changed Zone List.
#
#: programs  nvme blkzone
#: modules   mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=8 max_active=12
#: uses      ZONED_CMD_ZONE_APPEND
#: reference base

not_empty() {
    blkzone report "$DRIVE" | grep -vc '(em)'
}

first() {
    run nvme zns changed-zone-list "$DRIVE"
    head -c 65536 /dev/urandom >/tmp/source
    for number in 0 1 2; do
        run nvme zns zone-append "$DRIVE" -s $((number * ZONE_SECTORS)) \
            -z 65536 -d /tmp/source
    done
    run nvme zns finish-zone "$DRIVE" -s $((2 * ZONE_SECTORS))
    run nvme format "$DRIVE" --lbaf=0 --force
    same "zones that are not Empty" "$(not_empty)" 0
    head -c 65536 /dev/zero >/tmp/zeros
    run dd if="$DRIVE" of=/tmp/target bs=64k count=1 iflag=direct
    run cmp /tmp/zeros /tmp/target
    run nvme zns zone-append "$DRIVE" -s 0 -z 65536 -d /tmp/source
}

second() {
    same "zones that are not Empty" "$(not_empty)" 1
    run nvme zns changed-zone-list "$DRIVE"
}
