# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Many namespaces of different kinds on one controller: zones with descriptor
# extensions, a disk without zones, zones with 256 Zone Random Write Areas in an
# image that gives back what is discarded, zones of 4096-byte blocks without
# limits, zones that are read-only.  Shows that nvme-cli and util-linux see each
# with its own geometry and limits, and that each keeps what was written to it,
# and its zones.
#
#: programs  nvme blkzone
#: modules   mq-deadline
#: drive     zones=64 zone_size=16M zone_capacity=12M max_open=8 max_active=12
#: drive     extension=64 lba=512
#: namespace 2 size=64M lba=4096
#: namespace 3 zones=320 zone_size=32M zone_capacity=28M
#: namespace 3 max_open=256 max_active=256 lba=4096
#: namespace 3 discard=unmap detect-zeroes=unmap
#: namespace 3 zoned.zrwas=128k zoned.zrwafg=64k zoned.numzrwa=256
#: namespace 4 zones=32 zone_size=8M lba=4096
#: namespace 5 zones=16 zone_size=8M readonly=on
#: uses      ZONED_CMD_ZONE_APPEND ZONED_CMD_MGMT_SEND ZONED_CMD_MGMT_RECV
#: variants  persistent
#: reference base

ZONED='1 3 4'
BYTES=65536

# text NSID ZONE: what is in the zone, as long as it takes
text() {
    yes "namespace $1 zone $2" | head -c $BYTES
}

# queue NSID NAME
queue() {
    cat "/sys/block/$(basename "$(nvme_disk "$1")")/queue/$2"
}

# lba NSID ZONE: in logical blocks
lba() {
    echo $(($2 * $(queue "$1" chunk_sectors) * 512 /
            $(queue "$1" logical_block_size)))
}

# act NSID ACTION ZONE OPTIONS...
act() {
    act_nsid=$1 act_action=$2 act_zone=$3
    shift 3
    run nvme zns "$act_action" "$(nvme_disk "$act_nsid")" \
        -s "$(lba "$act_nsid" "$act_zone")" "$@"
}

# write NSID ZONE: at its start, through the kernel
write() {
    text "$1" "$2" >/tmp/source
    run dd if=/tmp/source of="$(nvme_disk "$1")" bs=$BYTES \
        oflag=direct,seek_bytes \
        seek=$(($(lba "$1" "$2") * $(queue "$1" logical_block_size)))
}

# holds NSID ZONE
holds() {
    run dd if="$(nvme_disk "$1")" of=/tmp/target bs=$BYTES count=1 \
        iflag=direct,skip_bytes \
        skip=$(($(lba "$1" "$2") * $(queue "$1" logical_block_size)))
    text "$1" "$2" >/tmp/source
    run cmp /tmp/source /tmp/target
}

# geometry NSID ZONES SECTORS BLOCK OPEN ACTIVE
geometry() {
    same "zones of namespace $1" "$(queue "$1" nr_zones)" "$2"
    same "their size" "$(queue "$1" chunk_sectors)" "$3"
    same "its blocks" "$(queue "$1" logical_block_size)" "$4"
    same "its open zones" "$(queue "$1" max_open_zones)" "$5"
    same "its active zones" "$(queue "$1" max_active_zones)" "$6"
    run blkzone report "$(nvme_disk "$1")"
    same "zones that are listed" "$(wc -l <"$OUT")" "$2"
    run nvme zns report-zones "$(nvme_disk "$1")"
    says "nr_zones: $2\$"
}

identify() {
    run nvme list
    for nsid in 1 2 3 4 5; do
        says "$(nvme_disk "$nsid") "
    done
    geometry 1 64 32768 512 8 12
    geometry 3 320 65536 4096 256 256
    geometry 4 32 16384 4096 0 0
    same "the disk is" "$(queue 2 zoned)" none
    run nvme zns id-ns "$(nvme_disk 1)" -H
    says 'Extension  0 : .*Size: 64 bytes (in use)'
    run nvme zns id-ns "$(nvme_disk 3)"
    says 'numzrwa *: 0xff$'
    says 'zrwasz *: 32$'
    says 'zrwafg *: 16$'
    run nvme zns id-ns "$(nvme_disk 4)"
    says 'numzrwa *: 0$'
    refuse 'Invalid Field.*0x4002' \
        nvme zns id-ns "$(nvme_disk 2)"
}

# The kernel knows, and so does the drive
read_only() {
    geometry 5 16 16384 512 0 0
    same "the disk is read-only" \
        "$(cat "/sys/block/$(basename "$(nvme_disk 5)")/ro")" 1
    run nvme id-ns "$(nvme_disk 5)"
    says 'nsattr.*: 1$'
    head -c 4096 /dev/zero >/tmp/source
    refuse 'Write Protected.*0x4020' \
        nvme write "$(nvme_disk 5)" -s 0 -c 7 -z 4096 -d /tmp/source
    refuse 'Write Protected.*0x4020' \
        nvme zns open-zone "$(nvme_disk 5)" -s 0
}

# see NSID: zones that are not Empty, as both programs show them, but for the
# attribute that says that there is an area: it goes with the power
see() {
    blkzone report "$(nvme_disk "$1")" | grep -v '(em)'
    nvme zns report-zones "$(nvme_disk "$1")" | grep -v 'State: 0x10 ' |
        sed 's/Attrs: 0x8 /Attrs: 0   /'
}

first() {
    identify
    read_only
    for nsid in $ZONED; do
        write "$nsid" 1
        text "$nsid" 2 >/tmp/source
        act "$nsid" zone-append 2 -z $BYTES -d /tmp/source
        act "$nsid" open-zone 3
        write "$nsid" 3
        write "$nsid" 4
        act "$nsid" finish-zone 4
        write "$nsid" 5
        act "$nsid" reset-zone 5
    done
    write 2 0
    printf '%-64s' 'label of zone 6' >/tmp/label
    act 1 set-zone-desc 6 -d /tmp/label
    act 3 open-zone 300 --zrwaa
    text 3 300 >/tmp/source
    run nvme write "$(nvme_disk 3)" -s "$(lba 3 300)" -c 15 -z $BYTES \
        -d /tmp/source
    run nvme zns zrwa-flush-zone "$(nvme_disk 3)" --lba=$(($(lba 3 300) + 15))
    run nvme zns report-zones "$(nvme_disk 3)" -s "$(lba 3 300)" -d 1
    says "WP: $(printf '0x%x' $(($(lba 3 300) + 16))) "
    says 'Attrs: 0x8 '
    for nsid in $ZONED; do
        run nvme zns close-zone "$(nvme_disk "$nsid")" -a
        see "$nsid" >"$KEPT/namespace-$nsid"
    done
}

second() {
    identify
    for nsid in $ZONED; do
        see "$nsid" >/tmp/zones
        run diff "/job/kept/namespace-$nsid" /tmp/zones
        for zone in 1 2 3 4; do
            holds "$nsid" "$zone"
        done
    done
    holds 2 0
    holds 3 300
    run nvme zns report-zones "$(nvme_disk 1)" -s "$(lba 1 6)" -d 1 -e
    says 'label.of.zone.6'
    # by the kernel: Linux 7.3 keeps where it has seen write pointers
    for nsid in $ZONED; do
        run blkzone reset --count 1 \
            --offset "$(queue "$nsid" chunk_sectors)" "$(nvme_disk "$nsid")"
        write "$nsid" 1
        holds "$nsid" 1
    done
}
