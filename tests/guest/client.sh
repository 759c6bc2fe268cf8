#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's side of a client job: carries out the phases that the host asks
# for, with both zone reports of the drive before and after each.  A job
# (jobs/NAME.sh, sourced) is two functions: `first` makes and writes, `second`
# finds it again, in another QEMU process when the drive is persistent.  What
# `first` leaves in /tmp/kept `second` has in /job/kept, by way of the host.
#
# What programs print goes to the console, which is the job's log.

# shellcheck source=tests/guest/records.sh
. /job/records.sh
# shellcheck source=/dev/null
. /job/settings

KEPT=/tmp/kept
OUT=/tmp/out
export OUT

# run COMMAND...: logged; a failure is a failure of the job.  What it printed
# is in $OUT.
run() {
    echo "# $*" >&2
    "$@" >"$OUT" 2>&1
    run_status=$?
    cat "$OUT" >&2
    [ $run_status -eq 0 ] || give_up "$* ended with status $run_status:" \
        "$(tail -n 5 "$OUT" | tr '\n' ' ')"
}

# refuse PATTERN COMMAND...: it must fail, and say why
refuse() {
    refuse_pattern=$1
    shift
    echo "# (to be refused) $*" >&2
    if "$@" >"$OUT" 2>&1; then
        give_up "not refused: $*"
    fi
    cat "$OUT" >&2
    grep -q "$refuse_pattern" "$OUT" || give_up "$* should have been refused" \
        "with '$refuse_pattern': $(tail -n 3 "$OUT" | tr '\n' ' ')"
}

# says PATTERN: what ran last has printed this
says() {
    grep -q "$1" "$OUT" ||
        give_up "no '$1' in: $(tail -n 5 "$OUT" | tr '\n' ' ')"
}

# same WHAT FOUND WANTED
same() {
    echo "# $1: $2" >&2
    [ "$2" = "$3" ] || give_up "$1 is '$2', should be '$3'"
}

# give_up TEXT...: what follows in the job would only fail too
give_up() {
    fail "phase $phase: $*"
    dmesg | tail -n 40 >&2
    record "done" 1
    poweroff -f
    sleep 60
}

nvme_disk() {
    find_nvme_disk "$1" || give_up "no NVMe namespace $1"
}

# nvme_character_device SERIAL: of a controller's first namespace, which Linux
# has also where it makes no disk of it
nvme_character_device() {
    for controller in /sys/class/nvme/nvme*; do
        if grep -q "^$1 *\$" "$controller/serial"; then
            echo "/dev/ng${controller##*/nvme}n1"
            return
        fi
    done
    give_up "no NVMe controller of serial $1"
}

# virtio_disk SERIAL: letters change, serials do not
virtio_disk() {
    for _ in $(seq 300); do
        for disk in /sys/block/vd*; do
            if [ "$(cat "$disk/serial")" = "$1" ]; then
                echo "/dev/${disk##*/}"
                return
            fi
        done
        sleep 0.1
    done
    give_up "no virtio disk of serial $1"
}

# The host-managed one, when the kernel has read its zones
scsi_disk() {
    for _ in $(seq 300); do
        if [ -e /sys/block/sda/queue/nr_zones ]; then
            echo /dev/sda
            return
        fi
        sleep 0.1
    done
    give_up "no zoned SCSI disk"
}

# make_files DIRECTORY: of all sorts of lengths; checksums in $KEPT/sums
make_files() {
    for kib in 1 4 60 64 300 2048 5000; do
        head -c $((kib * 1024 + kib % 7)) /dev/urandom >"$1/file$kib" ||
            give_up "writing $1/file$kib failed"
    done
    mkdir -p "$1/many" || give_up "mkdir $1/many failed"
    for number in $(seq 40); do
        echo "small file $number" >"$1/many/$number"
    done
    keep_sums "$1"
}

# change_files DIRECTORY: those of make_files; and leaves a long one, over zone
# ends: what it has filled alone is reset when it has gone
change_files() {
    run sync
    run cp "$1/file5000" "$1/file300"
    run rm "$1/file2048"
    run dd if=/dev/zero of="$1/long" bs=1M count=40
    run sync
}

# nr_written DISK: of sequential zones
nr_written() {
    blkzone report "$1" | grep 'type: 2' | grep -vc '(em)'
}

# xfs_first DISK MIB: files, and as much as fills a zone, which is reset
xfs_first() {
    make_filesystem
    mount_filesystem
    make_files /mnt
    change_files /mnt
    run dd if=/dev/zero of=/mnt/zone bs=1M count="$2" conv=fsync
    xfs_written=$(nr_written "$1")
    [ "$xfs_written" -ge 2 ] || give_up "$xfs_written zones are written"
    run rm /mnt/long /mnt/zone
    run sync
    for _ in $(seq 300); do
        [ "$(nr_written "$1")" -ge "$xfs_written" ] || break
        sleep 0.1
    done
    [ "$(nr_written "$1")" -lt "$xfs_written" ] ||
        give_up "of $xfs_written zones none is reset"
    keep_sums /mnt
    run umount /mnt
    check_filesystem
}

xfs_second() {
    check_filesystem
    mount_filesystem
    check_sums /mnt
    run cp /mnt/file5000 /mnt/again
    run cmp /mnt/file5000 /mnt/again
    run umount /mnt
    check_filesystem
}

# fio_zbd DISK NAME FIRST COUNT OPTIONS...: on a range of zones
fio_zbd() {
    zbd_disk=$1 zbd_name=$2 zbd_first=$3 zbd_count=$4
    shift 4
    run fio --name="$zbd_name" --filename="$zbd_disk" --zonemode=zbd \
        --direct=1 --ioengine=libaio --offset="${zbd_first}z" \
        --size="${zbd_count}z" --max_open_zones=4 "$@"
    says 'err= 0'
}

# keep_sums DIRECTORY: what is there now is what must be there later
keep_sums() {
    (cd "$1" && find . -type f | sort | xargs sha256sum) >"$KEPT/sums"
    [ "$(wc -l <"$KEPT/sums")" -ge 1 ] || give_up "no files in $1"
}

# check_sums DIRECTORY: every file, no file more, no page of them in memory
check_sums() {
    echo 3 >/proc/sys/vm/drop_caches
    (cd "$1" && find . -type f | sort | xargs sha256sum) >/tmp/sums
    echo "# $(wc -l </job/kept/sums) checksums" >&2
    differs=$(awk 'NR == FNR { sum[$2] = $1; next }
                   sum[$2] != $1 { print $2 }
                   { delete sum[$2] }
                   END { for (name in sum) print name " (missing)" }' \
                  /job/kept/sums /tmp/sums)
    [ -s /job/kept/sums ] || give_up "no checksums were kept"
    [ -z "$differs" ] || give_up "files differ: $differs"
}

# The variants killed and cut.  A job has make_filesystem, mount_filesystem (on
# /mnt) and check_filesystem; load and check_durable where names are no files.

# A warning that is not about the drive, as a pattern; use_btrfs has one
known_warning='^$'

# use_btrfs DISK: these three for it
use_btrfs() {
    btrfs_disk=$1
    # Linux takes what it finds in the log of fsync for unusable first, and then
    # counts it once more, if the file has been removed.
    case $VARIANT in
    killed | cut | unflushed) known_warning=' __btrfs_add_free_space_zoned' ;;
    esac
    make_filesystem() {
        run mkfs.btrfs -f -O zoned -d single -m single "$btrfs_disk"
    }
    mount_filesystem() {
        # that the test can fail: fsync writes, and does not flush
        btrfs_barrier=barrier
        [ "$VARIANT" != unflushed ] || btrfs_barrier=nobarrier
        run mount -t btrfs -o "$btrfs_barrier" "$btrfs_disk" /mnt
    }
    check_filesystem() {
        run btrfs check --readonly --check-data-csum "$btrfs_disk"
    }
}

# use_xfs DISK [ZONES]: the same; with all data in those of another disk, if
# there is one
use_xfs() {
    xfs_disk=$1 xfs_zones=${2:-}
    make_filesystem() {
        run mkfs.xfs -f -r "zoned=1${xfs_zones:+,rtdev=$xfs_zones}" "$xfs_disk"
        says 'zoned=1'
    }
    mount_filesystem() {
        # shellcheck disable=SC2086
        run mount -t xfs ${xfs_zones:+-o rtdev=$xfs_zones} "$xfs_disk" /mnt
    }
    check_filesystem() {
        # shellcheck disable=SC2086
        run xfs_repair -n ${xfs_zones:+-r $xfs_zones} "$xfs_disk"
    }
}

# changing NAME: it may have any contents from here on, or be gone
changing() {
    record changing "$1"
}

# What a job needs besides fsync, and says why.  All need that fsync of a new
# file keeps its name as well, which POSIX does not promise, and all these
# filesystems do.
after_fsync() {
    :
}

# To go on when Linux has not waited for the first fsync after a checkpoint of
# f2fs: it sends the flush while a write is in flight, which NVMe lets the flush
# pass by.  The next fsync waits for both writes.
fsync_another() {
    echo "another file" >/mnt/another
    run sync /mnt/another
}

# synced NAME FILE: it is durable, and begins with what FILE has
synced() {
    after_fsync
    record synced "$(sha256sum <"$2" | cut -d ' ' -f 1) $(stat -c %s "$2") $1"
}

# new_data KIB: random, in /tmp/source
new_data() {
    head -c $(($1 * 1024 + $1 % 7)) /dev/urandom >/tmp/source
}

# What nobody waits for, so that much is under way
noise() {
    while dd if=/dev/zero of=/mnt/noise bs=256k count=60 2>/dev/null; do
        rm /mnt/noise
    done
}

# add_file NAME: in place of an older one, if there is one
add_file() {
    changing "$1"
    rm -f "/mnt/$1"
    { cp /tmp/source "/mnt/$1" && sync "/mnt/$1"; } ||
        give_up "writing $1 has failed"
    synced "$1" /tmp/source
}

# replace_file NAME: by a rename
replace_file() {
    { cp /tmp/source /mnt/temporary && sync /mnt/temporary; } ||
        give_up "writing what becomes $1 has failed"
    changing "$1"
    { mv /mnt/temporary "/mnt/$1" && sync /mnt; } ||
        give_up "renaming $1 has failed"
    synced "$1" /tmp/source
}

# append_file NAME: what was there stays; anew when it is long
append_file() {
    if [ ! -f "/tmp/$1" ] || [ "$(stat -c %s "/tmp/$1")" -gt 4000000 ]; then
        changing "$1"
        rm -f "/mnt/$1" "/tmp/$1"
    fi
    cat /tmp/source >>"/tmp/$1"
    { cat /tmp/source >>"/mnt/$1" && sync "/mnt/$1"; } ||
        give_up "writing to the end of $1 has failed"
    synced "$1" "/tmp/$1"
}

load() {
    noise &
    while :; do
        for load_kib in 1 4 60 300 7 2048; do
            load_number=$((load_number % 20 + 1))
            new_data $load_kib
            add_file "new$load_number"
            append_file "log$((load_number % 2))"
            replace_file "replaced$((load_number % 5))"
        done
    done
}

# append_zone NUMBER: to a file of zonefs; anew in each boot, and when it is
# long
append_zone() {
    if [ ! -f "/tmp/zone$1" ] || [ "$(stat -c %s "/tmp/zone$1")" -gt 2000000 ]
    then
        changing "seq/$1"
        rm -f "/tmp/zone$1"
        truncate -s 0 "/mnt/seq/$1" || give_up "resetting zone $1 has failed"
    fi
    head -c 65536 /dev/urandom >/tmp/source
    cat /tmp/source >>"/tmp/zone$1"
    dd if=/tmp/source of="/mnt/seq/$1" bs=64k oflag=direct,append \
        conv=notrunc,fsync || give_up "writing to zone $1 has failed"
    synced "seq/$1" "/tmp/zone$1"
}

zonefs_noise() {
    while dd if=/dev/zero of=/mnt/seq/20 bs=256k count=30 \
        oflag=direct,append conv=notrunc 2>/dev/null; do
        truncate -s 0 /mnt/seq/20
    done
}

# All but a zone and another one in each boot begin anew.  Few, as all of them
# stay active.
load_zonefs() {
    zonefs_noise &
    load_last=$(grep -v '/0$' /job/kept/synced 2>/dev/null | tail -n 1)
    load_last=${load_last##*/}
    load_last=$((${load_last:-0} % 8 + 1))
    while :; do
        for load_number in 0 "$load_last"; do
            append_zone "$load_number"
        done
    done
}

# The host kills QEMU meanwhile.
loaded() {
    mount_filesystem
    load
}

made() {
    make_filesystem
}

# check_durable CHECKSUM LENGTH NAME: what the host was told of last
check_durable() {
    same "checksum of $3" "$(head -c "$2" "/mnt/$3" | sha256sum |
        cut -d ' ' -f 1)" "$1"
}

# Recovery comes first: what checks does not do it.
found() {
    mount_filesystem
    [ -s /job/kept/synced ] || give_up "no file was said to be durable"
    while read -r sum length name; do
        check_durable "$sum" "$length" "$name"
    done </job/kept/synced
    run umount /mnt
    check_filesystem
}

# What the kernel says when it, or the drive, misbehaves.
check_kernel_log() {
    if dmesg | grep -E 'BUG|WARNING|Oops|I/O error|critical .* error' |
        grep -v "$known_warning" >/tmp/complaints; then
        give_up "the kernel complains: $(head -n 3 /tmp/complaints)"
    fi
}

report() {
    block "blkzone-$1" blkzone report "$DRIVE"
    if [ "$VARIANT" != null_blk ]; then
        # shellcheck disable=SC2086
        block "nvme-$1" nvme zns report-zones "$DRIVE" $EXTENDED
    fi
}

send_kept() {
    for file in "$KEPT"/*; do
        [ ! -f "$file" ] || block "kept-${file##*/}" cat "$file"
    done
}

phase=start
[ -z "$NSID" ] || DRIVE=$(nvme_disk "$NSID")
QUEUE=/sys/block/${DRIVE##*/}/queue
same "the drive is" "$(cat "$QUEUE/zoned")" host-managed
echo mq-deadline >"$QUEUE/scheduler"
ZONE_SECTORS=$(cat "$QUEUE/chunk_sectors")
NR_ZONES=$(cat "$QUEUE/nr_zones")
export QUEUE ZONE_SECTORS NR_ZONES

# shellcheck source=/dev/null
. /job/client-job.sh
for phase in $PHASES; do
    step "$phase phase"
    if [ "$phase" = second ]; then
        mkdir -p /job/kept
        [ "$PHASES" = second ] || cp -r "$KEPT/." /job/kept
        report after
    fi
    "$phase"
    check_kernel_log
    if [ "$phase" = first ]; then
        report before
        send_kept
    fi
done
