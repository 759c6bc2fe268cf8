# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# fio and btrfs on a large host-managed SCSI disk, with the layout of disks that
# one can buy: 256 MiB zones, 1 % conventional, 128 open ones.  Shows that as
# many zones as that can be opened and no more, that fio fills a zone and writes
# to more zones than can be open, and reads all of it back, and that btrfs has
# files over zone ends, at once and after the restart.
#
#: programs  nvme blkzone fio sg_zone sg_rep_zones mkfs.btrfs btrfs
#: modules   mq-deadline crc32c_generic? btrfs
#: drive     zones=16 zone_size=16M
#: scsi      zones=200 zone_size=256M conventional=2 max_open=128 lba=4096
#: variants  persistent
#: uses      ZONED_CMD_MGMT_RECV

SCSI=$(scsi_disk)
ZONE_BLOCKS=65536
NR_OPEN=128

# nr_in STATE: how many zones are
nr_in() {
    blkzone report "$SCSI" | grep -c "($1)"
}

limits() {
    same "zones" "$(cat /sys/block/sda/queue/nr_zones)" 200
    same "sectors of a zone" "$(cat /sys/block/sda/queue/chunk_sectors)" 524288
    same "open" "$(cat /sys/block/sda/queue/max_open_zones)" $NR_OPEN
    same "conventional zones" "$(nr_in nw)" 2
}

open_all() {
    run blkzone open -o $((10 * ZONE_BLOCKS * 8)) -c $NR_OPEN "$SCSI"
    same "open zones" "$(nr_in oe)" $NR_OPEN
    refuse 'Data protect' sg_zone --open --zone=$((150 * ZONE_BLOCKS)) "$SCSI"
    run sg_zone --close --zone=$((10 * ZONE_BLOCKS)) "$SCSI"
    run sg_zone --open --zone=$((150 * ZONE_BLOCKS)) "$SCSI"
    run sg_zone --close --all "$SCSI"
    same "open zones" "$(nr_in oe)" 0
}

# random NAME OPTIONS...
random() {
    random_name=$1
    shift
    run fio --name="$random_name" --filename="$SCSI" --zonemode=zbd --direct=1 \
        --ioengine=libaio --offset=50z --size=140z --max_open_zones=$NR_OPEN \
        --bs=16k --iodepth=8 --rw=randwrite --io_size=8m --randseed=7 \
        --verify=crc32c --verify_fatal=1 "$@"
    says 'err= 0'
    says '^   READ:.*io=[1-9]'
}

first() {
    limits
    open_all
    fio_zbd "$SCSI" fill 40 1 --rw=write --bs=1m --iodepth=4
    same "full zones" "$(nr_in fu)" 1
    random first
    nr_random=$(($(nr_in oi) + $(nr_in cl)))
    [ $nr_random -gt 100 ] || give_up "only $nr_random zones are written"
    run mkfs.btrfs -f -O zoned -d single -m single "$SCSI"
    run mount -t btrfs "$SCSI" /mnt
    make_files /mnt
    run dd if=/dev/zero of=/mnt/long bs=1M count=280
    keep_sums /mnt
    run umount /mnt
    run btrfs check --readonly --check-data-csum "$SCSI"
}

second() {
    limits
    run btrfs check --readonly --check-data-csum "$SCSI"
    run mount -t btrfs "$SCSI" /mnt
    check_sums /mnt
    run rm /mnt/long
    run cp /mnt/file5000 /mnt/again
    run umount /mnt
    run btrfs check --readonly --check-data-csum "$SCSI"
    random again
}
