# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# nvme-cli's zns commands: the command set without the kernel's zoned block
# layer between.  Shows what the namespace says of itself, each zone send
# action, filters of the report, appends, descriptor extensions, random write
# areas (zoned=on only), and that refusals come with the status of the standard.
#
#: programs  nvme blkzone
#: modules   mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=8 max_active=12
#: drive     extension=64 lba=512
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_SEND ZONED_CMD_MGMT_RECV
#: volatile  zoned.zrwas=64k zoned.zrwafg=4k zoned.numzrwa=4
#: reference base

BLOCK=512

# lba ZONE
lba() {
    echo $(($1 * ZONE_SECTORS))
}

# act ACTION ZONE OPTIONS...
act() {
    act_action=$1 act_zone=$2
    shift 2
    run nvme zns "$act_action" "$DRIVE" -s "$(lba "$act_zone")" "$@"
}

# field NAME: of the zone that was reported last
field() {
    sed -n "s/.*$1: *\(0x[0-9a-f]*\).*/\1/p" "$OUT"
}

# zone ZONE STATE [BLOCKS]: reported state and blocks below the write pointer
zone() {
    run nvme zns report-zones "$DRIVE" -s "$(lba "$1")" -d 1
    same "state of zone $1" "$(field State)" "$2"
    [ -z "$3" ] || same "blocks below the write pointer of zone $1" \
        $(($(field WP) - $(lba "$1"))) "$3"
}

source_data() {
    head -c $(($1 * BLOCK)) /dev/urandom >/tmp/source
}

# append ZONE BLOCKS OFFSET: and the LBA that the drive says it went to
append() {
    source_data "$2"
    act zone-append "$1" -z $(($2 * BLOCK)) -d /tmp/source
    rm -f /tmp/target
    says "LBA $(printf %x $(($(lba "$1") + $3)))\$"
    run nvme read "$DRIVE" -s $(($(lba "$1") + $3)) -c $(($2 - 1)) \
        -z $(($2 * BLOCK)) -d /tmp/target
    cmp /tmp/source /tmp/target || give_up "zone $1 reads back other data"
}

identify() {
    run nvme zns id-ctrl "$DRIVE"
    says 'zasl'
    run nvme zns id-ns "$DRIVE" -H
    says 'mar *: 12\b'
    says 'mor *: 8\b'
    says 'Extension  0 : Zone Size: 0x8000 LBAs.*Size: 64 bytes (in use)'
    run nvme zns list
    says nvme0n1
    run nvme list
    says zns0
}

first() {
    identify
    append 0 8 0
    append 0 16 8
    zone 0 0x20 24
    act open-zone 1
    zone 1 0x30 0
    act close-zone 1
    zone 1 0x40 0
    act reset-zone 1
    zone 1 0x10 0
    act open-zone 2
    append 2 8 0
    act close-zone 2
    zone 2 0x40 8
    append 3 8 0
    act finish-zone 3
    zone 3 0xe0
    append 4 8 0
    act reset-zone 4
    zone 4 0x10 0
    printf '%-64s' 'label of zone 5' >/tmp/label
    act set-zone-desc 5 -d /tmp/label
    zone 5 0x40 0
    act zone-mgmt-send 6 --zsa=3
    zone 6 0x30 0
    act zone-mgmt-recv 0 -z 4096
    run nvme zns report-zones "$DRIVE" -S 3
    says 'nr_zones: 1$'
    run nvme flush "$DRIVE" -n 1
    [ "$VARIANT" = persistent ] || random_write_area
    refusals
    limit
}

# write_inside OFFSET BLOCKS: in zone 40
write_inside() {
    source_data "$2"
    run nvme write "$DRIVE" -s $(($(lba 40) + $1)) -c $(($2 - 1)) \
        -z $(($2 * BLOCK)) -d /tmp/source
}

# writes in any order and twice; only a flush moves the write pointer
random_write_area() {
    act open-zone 40 --zrwaa
    write_inside 16 8
    write_inside 0 8
    write_inside 0 8
    zone 40 0x30 0
    run nvme zns zrwa-flush-zone "$DRIVE" --lba=$(($(lba 40) + 23))
    zone 40 0x30 24
    act reset-zone 40
}

# each with its status, and no zone changes
refusals() {
    source_data 8
    refuse '0x41bc' \
        nvme write "$DRIVE" -s $(($(lba 0) + 100)) -c 7 -z 4096 -d /tmp/source
    refuse '0x41b9' \
        nvme write "$DRIVE" -s "$(lba 3)" -c 7 -z 4096 -d /tmp/source
    refuse '0x41bf' \
        nvme zns close-zone "$DRIVE" -s "$(lba 20)"
    refuse '0x4002' \
        nvme zns zone-append "$DRIVE" -s $(($(lba 0) + 8)) -z 4096 \
        -d /tmp/source
    refuse 0x41bf nvme zns offline-zone "$DRIVE" -s "$(lba 20)"
    zone 0 0x20 24
    zone 3 0xe0
    zone 20 0x10 0
}

# seven more explicitly opened zones: the implicitly opened one makes room
limit() {
    for number in 30 31 32 33 34 35 36; do
        act open-zone $number
    done
    zone 0 0x40 24
    refuse '0x41be' nvme zns open-zone "$DRIVE" -s "$(lba 37)"
    run nvme zns close-zone "$DRIVE" -a
    run nvme zns report-zones "$DRIVE" -S 3
    says 'nr_zones: 0$'
}

second() {
    zone 0 0x40 24
    zone 3 0xe0
    run nvme zns report-zones "$DRIVE" -s "$(lba 5)" -d 1 -e
    says 'label.of.zone.5'
    append 0 8 24
    append 5 8 0
    run nvme zns finish-zone "$DRIVE" -a
    zone 2 0xe0
    run nvme zns reset-zone "$DRIVE" -a
    zone 3 0x10 0
    zone 63 0x10 0
}
