# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Drives of all kinds under one kernel, at once: four namespaces of one
# controller and a disk of virtio-blk (kernels.py has made them).  Shows that
# the kernel takes each with the limits that it has and without a word of
# complaint, that it finds the states that are stored, that writes, appends,
# zone actions and a discard of the whole drive do what they should, and that
# all of it is there after the restart.
#
#: programs  blkzone blkdiscard nvme
#: modules   virtio_pci virtio_blk mq-deadline
#: drive     zones=8 zone_size=256M
#: uses      NVM_CMD_WRITE NVM_CMD_DSM ZONED_CMD_ZONE_APPEND
#: uses      ZONED_CMD_MGMT_SEND ZONED_CMD_MGMT_RECV
#: variants  bookworm trixie newest

# queue DISK NAME: of its limits
queue() {
    cat "/sys/block/${1##*/}/queue/$2"
}

# sectors DISK: of a zone; a kernel that knows no zones does not say
sectors() {
    case $(queue "$1" zoned) in
    none) echo 32768 ;;
    *)    queue "$1" chunk_sectors ;;
    esac
}

# zoned DISK ZONES SECTORS OPEN ACTIVE APPEND_BYTES
zoned() {
    zoned_disk=$1
    shift
    same "the limits of $zoned_disk" "$(for name in zoned nr_zones \
        chunk_sectors max_open_zones max_active_zones zone_append_max_bytes; do
        queue "$zoned_disk" $name
    done | tr '\n' ' ')" "host-managed $* "
}

# field PATTERN DISK FIRST COUNT: of what blkzone reports, in a line
field() {
    blkzone report -o $(($3 * $(sectors "$2"))) -c "$4" "$2" |
        sed -n "s/.*$1.*/\1/p" | tr '\n' ' '
}

# zones DISK FIRST STATES: from zone FIRST on
zones() {
    same "states of $1 from zone $2" \
        "$(field 'zcond:.*(\(..\))' "$1" "$2" "$(echo "$3" | wc -w)")" "$3 "
}

# wp DISK ZONE SECTORS: from the start of the zone
wp() {
    same "write pointer of zone $2 of $1" \
        "$(field 'wptr 0x\([0-9a-f]*\)' "$1" "$2" 1)" "$(printf '%06x ' "$3")"
}

# act ACTION DISK ZONE
act() {
    act_sectors=$(sectors "$2")
    run blkzone "$1" -o $(($3 * act_sectors)) -l "$act_sectors" "$2"
}

# write DISK ZONE KIB COUNT: a write of 4 KiB each, as the letter Z
write() {
    run dd if=/tmp/letters of="$1" bs=4k count="$4" conv=notrunc \
        oflag=direct,seek_bytes \
        seek=$(($2 * $(sectors "$1") * 512 + $3 * 1024))
}

# letters DISK ZONE KIB: the zone has the letter Z so far, and zeros behind it
letters() {
    dd if="$1" bs=64k count=2 iflag=direct,skip_bytes \
        skip=$(($2 * $(sectors "$1") * 512)) >/tmp/found \
        2>/dev/null || give_up "zone $2 of $1 cannot be read"
    { head -c $(($3 * 1024)) /tmp/letters
      head -c $(((128 - $3) * 1024)) /dev/zero; } >/tmp/wanted
    cmp /tmp/wanted /tmp/found ||
        give_up "zone $2 of $1 has other data than $3 KiB of letters"
}

# stored DISK FIRST: what kernels.py has stored there, from zone FIRST on
stored() {
    zones "$1" "$2" "em cl fu cl ro"
    wp "$1" $(($2 + 1)) 128
    wp "$1" $(($2 + 3)) 8
    letters "$1" "$2" 0
    letters "$1" $(($2 + 1)) 64
    letters "$1" $(($2 + 2)) 64
    letters "$1" $(($2 + 3)) 4
    letters "$1" $(($2 + 4)) 64
}

# work DISK ZONE: each action, in an empty zone and the next
work() {
    write "$1" "$2" 0 2
    zones "$1" "$2" oi
    wp "$1" "$2" 16
    act close "$1" "$2"
    zones "$1" "$2" cl
    act open "$1" "$2"
    zones "$1" "$2" oe
    write "$1" "$2" 8 1
    act finish "$1" "$2"
    zones "$1" "$2" fu
    letters "$1" "$2" 12
    write "$1" $(($2 + 1)) 0 1
    act reset "$1" "$2"
    zones "$1" "$2" "em oi"
    letters "$1" "$2" 0
    write "$1" "$2" 0 4
    letters "$1" "$2" 16
}

# append DISK ZONE KIB: appended where KIB are already
append() {
    append_lba=$(($2 * $(sectors "$1")))
    head -c 8192 /tmp/letters >/tmp/source
    run nvme zns zone-append "$1" -s $append_lba -z 8192 -d /tmp/source
    says "LBA $(printf %x $((append_lba + $3 * 2)))\$"
}

# discard DISK: all of it in one go; zones and write pointers stay
discard() {
    blkzone report "$1" >/tmp/before
    run blkdiscard "$1"
    blkzone report "$1" >/tmp/after
    cmp /tmp/before /tmp/after || give_up "a discard has changed zones of $1"
}

# Areas of 16 KiB; there are two
areas() {
    run nvme zns id-ns "$AREAS"
    says 'numzrwa *: *\(0x\)\?1$'
    for zone in 8 9; do
        run nvme zns open-zone "$AREAS" -s $((zone * 32768)) --zrwaa
    done
    refuse 'Insufficient\|0x41b7\|41b7' \
        nvme zns open-zone "$AREAS" -s $((10 * 32768)) --zrwaa
    for lba in 8 0 8; do
        run nvme write "$AREAS" -s $((8 * 32768 + lba)) -c 7 -z 4096 \
            -d /tmp/letters
    done
    run nvme zns zrwa-flush-zone "$AREAS" -l $((8 * 32768 + 15))
    wp "$AREAS" 8 16
    act close "$AREAS" 9
    act reset "$AREAS" 9
}

plain() {
    same "zones of $PLAIN" "$(queue "$PLAIN" zoned)" none
    for kib in 64 0 64; do
        run dd if=/tmp/letters of="$PLAIN" bs=4k count=2 oflag=direct,seek_bytes \
            seek=$((kib * 1024)) conv=notrunc
    done
    run dd if="$PLAIN" of=/tmp/found bs=4k count=2 skip=16 iflag=direct
    head -c 8192 /tmp/letters | cmp - /tmp/found || give_up "$PLAIN: other data"
    run blkdiscard "$PLAIN"
}

# check_words: nothing of what the kernel has said is a warning, or worse
check_words() {
    dmesg -r | sed -n 's/^<\([0-7]*\)>/\1 /p' |
        awk '$1 % 8 <= 4' | grep -iE 'nvme|zone|vd[a-z]|virtio|blk|I/O' \
        >/tmp/words
    [ ! -s /tmp/words ] || give_up "the kernel says: $(head -n 5 /tmp/words)"
}

# A driver from before Linux 6.3 has never heard of zones: to it, this is a disk
# like any other, where only some writes succeed.
check_unknown() {
    UNKNOWN=
    [ "$(queue "$VIRTIO" zoned)" = none ] || return 0
    UNKNOWN=yes
    case $(uname -r) in
    6.1.*) step "this kernel knows no zones of virtio-blk" ;;
    *)     give_up "$VIRTIO is not zoned" ;;
    esac
}

# The first two zones are conventional.
virtio_first() {
    for kib in 64 0 64; do
        write "$VIRTIO" 1 $kib 2
    done
    letters "$VIRTIO" 3 64
    if [ -n "$UNKNOWN" ]; then
        write "$VIRTIO" 14 0 4
        write "$VIRTIO" 15 0 1
        return
    fi
    stored "$VIRTIO" 2
    zones "$VIRTIO" 7 of
    work "$VIRTIO" 14
}

virtio_second() {
    if [ -z "$UNKNOWN" ]; then
        zones "$VIRTIO" 2 "em cl fu cl ro of em em em em em em cl cl"
        wp "$VIRTIO" 14 32
    fi
    letters "$VIRTIO" 3 64
    letters "$VIRTIO" 14 16
    letters "$VIRTIO" 15 4
    write "$VIRTIO" 14 16 1
}

find_drives() {
    head -c 131072 /dev/zero | tr '\0' Z >/tmp/letters
    MEMORY=$(nvme_disk 2) AREAS=$(nvme_disk 3) PLAIN=$(nvme_disk 4)
    VIRTIO=$(virtio_disk zones)
    check_unknown
}

limits() {
    zoned "$DRIVE" 8 524288 0 0 524288
    zoned "$MEMORY" 16 32768 4 6 524288
    zoned "$AREAS" 16 32768 4 8 524288
    [ -n "$UNKNOWN" ] || zoned "$VIRTIO" 16 32768 4 8 12582912
    same "capacities" "$(for disk in "$DRIVE" "$MEMORY" "$AREAS"; do
        field 'cap 0x\([0-9a-f]*\)' "$disk" 7 1
    done)" "080000 006000 006000 "
}

first() {
    find_drives
    limits
    stored "$DRIVE" 0
    stored "$AREAS" 0
    zones "$AREAS" 5 of
    zones "$MEMORY" 0 "em em em em em em em em em em em em em em em em"
    work "$MEMORY" 14
    # whole clusters of the image, which a discard gives back
    write "$MEMORY" 13 0 16
    letters "$MEMORY" 13 64
    discard "$MEMORY"
    letters "$MEMORY" 13 0
    discard "$DRIVE"
    work "$DRIVE" 6
    append "$DRIVE" 6 16
    act finish "$DRIVE" 5
    work "$AREAS" 14
    append "$AREAS" 14 16
    areas
    plain
    virtio_first
    check_words
}

second() {
    find_drives
    limits
    zones "$DRIVE" 0 "em cl fu cl ro fu cl cl"
    wp "$DRIVE" 1 128
    wp "$DRIVE" 6 48
    letters "$DRIVE" 6 24
    letters "$DRIVE" 7 4
    zones "$AREAS" 0 "em cl fu cl ro of em em cl em em em em em cl cl"
    wp "$AREAS" 8 16
    wp "$AREAS" 14 48
    letters "$AREAS" 1 64
    letters "$AREAS" 8 8
    letters "$AREAS" 14 24
    write "$AREAS" 14 24 1
    zones "$MEMORY" 14 "em em"
    virtio_second
    check_words
}

