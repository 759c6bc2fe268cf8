/*
 * qtest of zoned virtio-blk drives: queues in iothreads
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that four queues, each in an iothread of its own
 * (iothread-vq-mapping), use the zones of one image at the same time, and that
 * nothing is lost, doubled or in the wrong place, also after a restart.  So it
 * is when overlays take the place of the image meanwhile.
 *
 * How: in each round every queue has appends to a zone that all share, writes
 * at the write pointer and a Flush or Reset in zones of its own in flight.  The
 * positions of appends and the report are compared with what was sent.
 * External snapshots come when all queues have got their requests.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "virtio-blk-zns-drive.h"

#define QUEUES          VZ_MAX_QUEUES
#define ROUNDS          24
#define APPENDS         4       /* of a queue in a round */
#define PIECE_SECTORS   8
#define ROUND_SECTORS   (PIECE_SECTORS * 2)
#define LIVES           8       /* rounds between two resets */
#define SNAPSHOT_ROUNDS 5       /* rounds between two snapshots */
#define MAX_SNAPSHOTS   (ROUNDS / SNAPSHOT_ROUNDS + 1)

enum { SHARED, OWN, RESET = OWN + QUEUES, NR_ZONES = RESET + QUEUES };

static const VzSpec spec_threads = {
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .nr_zones = NR_ZONES,
    .nr_queues = QUEUES,
};

/* Requests of one queue in one round */
typedef struct Round {
    VzReq reqs[APPENDS + 4];
    unsigned nr;
} Round;

static VzReq append_req(const VzDrive *drive, uint8_t seed)
{
    VzReq req = vz_write_req(vz_start(drive, SHARED), PIECE_SECTORS, seed);

    req.type = VIRTIO_BLK_T_ZONE_APPEND;
    req.in_bytes = sizeof(uint64_t);
    return req;
}

static uint8_t seed_of(unsigned queue, unsigned round)
{
    return queue * ROUNDS + round;
}

static void submit(VzDrive *drive, Round *this, unsigned queue, unsigned round)
{
    uint64_t own = vz_start(drive, OWN + queue) + round * ROUND_SECTORS;
    uint64_t reset = vz_start(drive, RESET + queue);
    unsigned i;

    this->nr = 0;
    for (i = 0; i < APPENDS; i++) {
        this->reqs[this->nr++] = append_req(drive, seed_of(queue, round));
    }
    this->reqs[this->nr++] = vz_write_req(own, ROUND_SECTORS,
                                          seed_of(queue, round));
    if (round % LIVES == LIVES - 1) {
        this->reqs[this->nr++] = (VzReq) {
            .type = VIRTIO_BLK_T_ZONE_RESET, .sector = reset,
        };
    } else {
        this->reqs[this->nr++] = vz_write_req(reset + round % LIVES *
                                              PIECE_SECTORS, PIECE_SECTORS,
                                              seed_of(queue, round));
    }
    if ((round + queue) % 3 == 0) {
        this->reqs[this->nr++] = (VzReq) { .type = VIRTIO_BLK_T_FLUSH };
    }
    vz_use_queue(drive, queue);
    vz_submit(drive, this->reqs, this->nr);
}

/* Who has written each piece of the shared zone, by the answers to appends */
static void take_places(VzDrive *drive, const Round *this, unsigned queue,
                        unsigned round, int *seeds)
{
    uint64_t start = vz_start(drive, SHARED);
    unsigned i;

    for (i = 0; i < this->nr; i++) {
        vz_assert_ok(this->reqs[i].status);
        if (i < APPENDS) {
            uint64_t placed = qtest_readq(drive->qts, this->reqs[i].in_addr);
            uint64_t piece = (placed - start) / PIECE_SECTORS;

            g_assert_cmpuint(placed, ==, start + piece * PIECE_SECTORS);
            g_assert_cmpuint(piece, <, ROUNDS * QUEUES * APPENDS);
            g_assert_cmpint(seeds[piece], ==, -1);
            seeds[piece] = seed_of(queue, round);
        }
    }
}

static void check_all(VzDrive *drive, const int *seeds)
{
    const unsigned nr_pieces = ROUNDS * QUEUES * APPENDS;
    struct virtio_blk_zone_descriptor zone;
    unsigned queue, i;

    vz_use_queue(drive, 0);
    zone = vz_zone(drive, SHARED);
    g_assert_cmpuint(zone.z_wp - zone.z_start, ==, nr_pieces * PIECE_SECTORS);
    for (i = 0; i < nr_pieces; i++) {
        g_assert_true(vz_holds(drive, zone.z_start + i * PIECE_SECTORS,
                               PIECE_SECTORS, seeds[i]));
    }
    for (queue = 0; queue < QUEUES; queue++) {
        zone = vz_zone(drive, OWN + queue);
        g_assert_cmpuint(zone.z_wp - zone.z_start, ==, ROUNDS * ROUND_SECTORS);
        for (i = 0; i < ROUNDS; i++) {
            g_assert_true(vz_holds(drive, zone.z_start + i * ROUND_SECTORS,
                                   ROUND_SECTORS, seed_of(queue, i)));
        }
        vz_assert_zone(drive, RESET + queue, EMPTY, 0);
        g_assert_true(vz_reads_zeros(drive, vz_start(drive, RESET + queue),
                                     PIECE_SECTORS));
    }
}

/* Returns the name of the overlay, which the caller frees after unlink() */
static char *snapshot(VzDrive *drive, unsigned nr)
{
    char *overlay = g_strdup_printf("%s.overlay%u", drive->image, nr);

    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'blockdev-snapshot-sync', 'arguments': "
        "{ 'device': 'zns0', 'snapshot-file': %s, 'format': 'qcow2' } }",
        overlay);
    return overlay;
}

/* Fills seeds; with snapshots if overlays is not NULL: it gets their names */
static void run_rounds(VzDrive *drive, int *seeds, char **overlays)
{
    Round rounds[QUEUES];
    unsigned round, queue;

    for (round = 0; round < ROUNDS; round++) {
        for (queue = 0; queue < QUEUES; queue++) {
            submit(drive, &rounds[queue], queue, round);
        }
        if (overlays && round % SNAPSHOT_ROUNDS == 0) {
            *overlays++ = snapshot(drive, round);
        }
        for (queue = 0; queue < QUEUES; queue++) {
            vz_use_queue(drive, queue);
            vz_wait(drive, rounds[queue].reqs, rounds[queue].nr);
            take_places(drive, &rounds[queue], queue, round, seeds);
        }
    }
}

static void queues_share_zones(VzDrive *drive)
{
    int seeds[ROUNDS * QUEUES * APPENDS];

    memset(seeds, -1, sizeof(seeds));
    run_rounds(drive, seeds, NULL);
    check_all(drive, seeds);
    vz_restart(drive);
    check_all(drive, seeds);
}

static void overlays_come_meanwhile(VzDrive *drive)
{
    int seeds[ROUNDS * QUEUES * APPENDS];
    char *overlays[MAX_SNAPSHOTS] = {};
    char *base = drive->image;
    unsigned i;

    memset(seeds, -1, sizeof(seeds));
    run_rounds(drive, seeds, overlays);
    check_all(drive, seeds);
    vz_quit(drive);
    for (i = 0; i < MAX_SNAPSHOTS && overlays[i]; i++) {
        drive->image = overlays[i];
    }
    g_assert_cmpuint(i, ==, MAX_SNAPSHOTS);
    vz_boot(drive);
    check_all(drive, seeds);
    vz_quit(drive);
    for (i = 0; i < MAX_SNAPSHOTS; i++) {
        unlink(overlays[i]);
        g_free(overlays[i]);
    }
    drive->image = base;
    vz_boot(drive);
}

const VzTest vz_thread_tests[] = {
    { "threads/queues-share-zones", queues_share_zones, &spec_threads },
    { "threads/overlays-come-meanwhile", overlays_come_meanwhile,
      &spec_threads },
    { }
};
