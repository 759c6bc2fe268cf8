# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What sg3-utils and zbd-utils make of a host-managed SCSI disk.  Shows that it
# says of itself what such a disk says, page by page; that zones are counted and
# filtered; that WRITE SAME, WRITE (16) and UNMAP do what they should to
# conventional and to sequential zones, and are refused where they should be;
# that zbd acts on the zones that it is told to, on no other, and brings back
# what it has dumped; and that zones and data are there after the restart.
#
#: programs  nvme blkzone zbd sg_inq sg_vpd sg_readcap sg_modes sg_sync sg_luns
#: programs  sg_unmap sg_write_same sg_opcodes sg_get_lba_status sg_rep_zones
#: programs  sg_reset_wp sg_zone sg_dd sg_verify sg_write_x sg_z_act_query
#: modules   mq-deadline
#: drive     zones=16 zone_size=16M
#: scsi      zones=64 zone_size=16M conventional=4 max_open=32
#: variants  persistent
#: uses      ZONED_CMD_MGMT_RECV
#: reference base

SCSI=$(scsi_disk)
ZONE_BLOCKS=32768
ZONE_BYTES=$((ZONE_BLOCKS * 512))

lba() {
    echo $(($1 * ZONE_BLOCKS))
}

# zone ZONE CONDITION [BLOCKS]: those below the write pointer
zone() {
    run sg_rep_zones --start="$(lba "$1")" --num=1 "$SCSI"
    says "Zone condition: $2\$"
    [ -z "$3" ] || says "$(printf 'Write pointer LBA: 0x%x$' \
        $(($(lba "$1") + $3)))"
}

# zbd ACTION FIRST COUNT OPTIONS...
zbd_zones() {
    zbd_action=$1 zbd_first=$2 zbd_count=$3
    shift 3
    run zbd "$zbd_action" "$@" -ofst $((zbd_first * ZONE_BYTES)) \
        -len $((zbd_count * ZONE_BYTES)) "$SCSI"
}

# zbd_counts OPTION ZONES: of a condition or a type
zbd_counts() {
    run zbd report -n -ro "$1" "$SCSI"
    same "zones that are $1" "$(cat "$OUT")" "$2 zones"
}

pages() {
    run sg_inq "$SCSI"
    says 'PDT=20'
    # it asks for 36 bytes first, and then for as many as there are
    run sg_inq --descriptors "$SCSI"
    says 'ZBC'
    run sg_vpd -p sv "$SCSI"
    says 'Zoned block device characteristics'
    run sg_vpd -p bdc "$SCSI"
    says 'ZONED=0'
    run sg_vpd -p zbdc "$SCSI"
    says 'URSWRZ: 1'
    says 'open sequential write required zones: 0x20$'
    says 'Zone starting LBA granularity: 0x8000$'
    run sg_vpd -p sn "$SCSI"
    says 'serial number: smr$'
    run sg_vpd -p lbpv "$SCSI"
    says 'LBPU=1'
    run sg_readcap --16 --zbc "$SCSI"
    says 'rc_basis=1 '
    says 'Number of logical blocks=2097152$'
    run sg_modes -p 8 "$SCSI"
    says 'peripheral_type: host managed zoned block'
    says '>> Caching'
    run sg_luns "$SCSI"
    says 'implies 1 lun entry'
    run sg_sync "$SCSI"
    run sg_sync --16 "$SCSI"
}

# What no disk of QEMU has, and what later standards have added
not_there() {
    refuse 'Illegal request, Invalid opcode' sg_opcodes "$SCSI"
    refuse 'Illegal request' sg_get_lba_status "$SCSI"
    refuse 'Illegal request' sg_rep_zones --domain "$SCSI"
    refuse 'Illegal request' sg_rep_zones --realm "$SCSI"
    refuse 'Illegal request' sg_zone --sequentialize --zone="$(lba 6)" "$SCSI"
    refuse 'failed' sg_z_act_query --query "$SCSI"
}

reports() {
    run sg_rep_zones --statistics "$SCSI"
    says 'Number of conventional type zones: 4$'
    says 'Number of sequential write required type zones: 60$'
    says 'Lowest starting LBA: 0x20000$'
    run sg_rep_zones --report=0x3f --wp "$SCSI"
    same "zones without a write pointer" "$(wc -l <"$OUT")" 4
    refuse 'LBA out of range' sg_rep_zones --start=2097152 "$SCSI"
    refuse 'Illegal request' sg_rep_zones --report=0x12 "$SCSI"
    refuse 'Illegal request' sg_zone --open --zone=$(($(lba 6) + 1)) "$SCSI"
    refuse 'Illegal request' sg_zone --open --zone="$(lba 6)" --count=3 "$SCSI"
}

# letters LBA BLOCKS: random data in /tmp/letters, and there
letters() {
    head -c $(($2 * 512)) /dev/urandom >/tmp/letters
    run sg_dd if=/tmp/letters of="$SCSI" bs=512 seek="$1" oflag=sgio
}

# found LBA FILE
found() {
    rm -f /tmp/found
    run sg_dd if="$SCSI" of=/tmp/found bs=512 skip="$1" \
        count=$(($(stat -c %s "$2") / 512)) iflag=sgio
    run cmp "$2" /tmp/found
}

requests() {
    head -c 512 /dev/urandom >/tmp/block
    run sg_write_same --lba="$(lba 4)" --num=64 --in=/tmp/block "$SCSI"
    zone 4 'Implicitly opened' 64
    refuse 'Illegal request' sg_write_same --lba="$(lba 4)" --num=64 \
        --in=/tmp/block "$SCSI"
    run sg_write_same --16 --lba=$(($(lba 4) + 64)) --num=64 --in=/tmp/block \
        "$SCSI"
    run sg_write_x --normal --16 --lba=$(($(lba 4) + 128)) --num=1 \
        --in=/tmp/block "$SCSI"
    refuse 'Illegal request' sg_write_x --normal --16 \
        --lba=$(($(lba 4) + 140)) --num=1 --in=/tmp/block "$SCSI"
    zone 4 'Implicitly opened' 129
    found "$(lba 4)" /tmp/block
    found $(($(lba 4) + 128)) /tmp/block
    letters "$(lba 5)" 256
    zone 5 'Implicitly opened' 256
    found "$(lba 5)" /tmp/letters
    refuse 'sg_write failed' sg_dd if=/tmp/letters of="$SCSI" bs=512 \
        seek="$(lba 5)" oflag=sgio
    run sg_verify --lba="$(lba 5)" --count=256 "$SCSI"
    # on conventional zones, in any order
    letters 512 64
    letters 0 64
    found 0 /tmp/letters
}

unmaps() {
    head -c 4096 /dev/zero >/tmp/zeros
    run sg_unmap --force --lba=0 --num=8 "$SCSI"
    letters 0 8
    # what is below a write pointer may be gone, the pointer stays
    run sg_unmap --force --lba="$(lba 4)" --num=64 "$SCSI"
    zone 4 'Implicitly opened' 129
    run sg_unmap --force --lba="$(lba 10)" --num=8 "$SCSI"
    zone 10 Empty 0
    found "$(lba 10)" /tmp/zeros
    found $(($(lba 4) + 128)) /tmp/block
}

zbd_tool() {
    run zbd report -i -n "$SCSI"
    says 'Zone model: host-managed'
    says 'Zones: 64 zones of 16.0 MB'
    says 'Maximum number of open zones: 32'
    zbd_counts nw 4
    zbd_zones open 20 3
    zbd_counts oe 3
    zone 21 'Explicitly opened' 0
    letters "$(lba 21)" 128
    zbd_zones close 20 3
    zbd_counts oe 0
    zone 20 Empty 0
    zone 21 Closed 128
    zbd_zones finish 22 1
    zone 22 Full
    zbd_zones dump 20 3 -d /tmp -f dump
    says 'Dumped .* from [1-9]'
    zbd_zones reset 20 3
    zbd_counts fu 0
    zone 21 Empty 0
    zbd_zones restore 20 3 -d /tmp -f dump
    zone 21 Closed 128
    found "$(lba 21)" /tmp/letters
    sha256sum </tmp/letters >"$KEPT/sum21"
    refuse 'failed' zbd reset -ofst 0 -len $ZONE_BYTES "$SCSI"
}

first() {
    pages
    not_there
    reports
    requests
    unmaps
    zbd_tool
    run sg_zone --finish --zone="$(lba 5)" "$SCSI"
    run sg_zone --close --all "$SCSI"
    run sg_sync "$SCSI"
    sg_rep_zones "$SCSI" >"$KEPT/zones"
}

second() {
    sg_rep_zones "$SCSI" >/tmp/zones
    run cmp /tmp/zones /job/kept/zones
    run sg_dd if="$SCSI" of=/tmp/found bs=512 skip="$(lba 21)" count=128 \
        iflag=sgio
    same "checksum" "$(sha256sum </tmp/found)" "$(cat /job/kept/sum21)"
    run sg_reset_wp --all "$SCSI"
    zbd_counts em 60
}
