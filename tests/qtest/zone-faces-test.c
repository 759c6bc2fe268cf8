/*
 * qtest of the faces of a zoned image: nvme-ns, virtio-blk, scsi-hd
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that one image has the same zones and the same data whatever
 * device it is attached to, and that each device goes on where another stopped;
 * also in an overlay and below it, and in a snapshot.
 *
 * How: one image, one QEMU after the other, each with another device.  A device
 * first has to show what the ones before it left, zone by zone; then it changes
 * a zone of each kind.  Every device comes behind every other one, and behind
 * itself.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"
#include "scsi-zbc-drive.h"
#include "virtio-blk-zns-drive.h"
#include "zone-image.h"

#define NR_ZONES        16
#define ZONE_BYTES      (1 * MiB)
#define BLOCK_BYTES     512
#define ZONE_BLOCKS     (ZONE_BYTES / BLOCK_BYTES)
#define WRITE_BLOCKS    8
/* Every device writes some more to it, or it is Full, or Empty again */
#define SHARED_ZONE     0

static const ZnsSpec nvme_spec = {
    .device_bytes = NR_ZONES * ZONE_BYTES,
    .zone_bytes = ZONE_BYTES,
    .capacity_bytes = ZONE_BYTES,
    .block_bytes = BLOCK_BYTES,
};

static const VzSpec virtio_spec = {
    .zone_bytes = ZONE_BYTES,
    .capacity_bytes = ZONE_BYTES,
    .nr_zones = NR_ZONES,
};

static const ZbcSpec scsi_spec = {
    .zone_bytes = ZONE_BYTES,
    .nr_zones = NR_ZONES,
    .block_bytes = BLOCK_BYTES,
};

typedef enum FaceAction {
    FACE_OPEN,
    FACE_FINISH,
    FACE_RESET,
    NR_FACE_ACTIONS,
} FaceAction;

/* What the zones must be */
typedef struct Content {
    uint8_t states[NR_ZONES];
    uint32_t nr_written[NR_ZONES];
    uint8_t data[NR_ZONES * ZONE_BYTES];
} Content;

/* The image, as each device has it: one at a time is attached */
typedef struct Faces {
    ZnsDrive *nvme;
    VzDrive virtio;
    ZbcDrive scsi;
    QTestState *qts;        /* of the device that is attached */
    Content *content;
    uint8_t seed;
} Faces;

/* States are ZONE_STATE_*; the same numbers in all three standards */
typedef struct FaceZone {
    uint8_t state;
    uint64_t nr_written;    /* meaningless in a zone that is Full */
} FaceZone;

typedef struct Face {
    const char *name;
    void (*boot)(Faces *faces);
    void (*quit)(Faces *faces);
    FaceZone (*zone)(Faces *faces, uint32_t zone_idx);
    bool (*write)(Faces *faces, uint64_t lba, uint8_t seed);
    bool (*read)(Faces *faces, uint64_t lba, uint8_t *data);
    bool (*act)(Faces *faces, FaceAction action, uint64_t lba);
} Face;

/* nvme-ns */

static void nvme_boot(Faces *faces)
{
    zns_boot(faces->nvme);
    faces->qts = faces->nvme->qts;
}

static void nvme_quit(Faces *faces)
{
    zns_quit(faces->nvme);
}

static FaceZone nvme_zone(Faces *faces, uint32_t zone_idx)
{
    ZnsZone zone = zns_zone(faces->nvme, zone_idx);

    return (FaceZone) { zone.state, zone.wp_lba - zone.start_lba };
}

static bool nvme_write(Faces *faces, uint64_t lba, uint8_t seed)
{
    return zns_write(faces->nvme, lba, WRITE_BLOCKS, seed) == NVME_SUCCESS;
}

static bool nvme_read(Faces *faces, uint64_t lba, uint8_t *data)
{
    g_autofree char *blocks = zns_load_blocks(faces->nvme, lba, WRITE_BLOCKS);

    if (blocks) {
        memcpy(data, blocks, WRITE_BLOCKS * BLOCK_BYTES);
    }
    return blocks;
}

static bool nvme_act(Faces *faces, FaceAction action, uint64_t lba)
{
    static const uint8_t actions[NR_FACE_ACTIONS] = {
        [FACE_OPEN] = NVME_ZONE_ACTION_OPEN,
        [FACE_FINISH] = NVME_ZONE_ACTION_FINISH,
        [FACE_RESET] = NVME_ZONE_ACTION_RESET,
    };

    return zns_send(faces->nvme, lba, actions[action]) == NVME_SUCCESS;
}

/* virtio-blk */

static void virtio_boot(Faces *faces)
{
    vz_boot(&faces->virtio);
    faces->qts = faces->virtio.qts;
}

static void virtio_quit(Faces *faces)
{
    vz_quit(&faces->virtio);
}

static FaceZone virtio_zone(Faces *faces, uint32_t zone_idx)
{
    struct virtio_blk_zone_descriptor zone = vz_zone(&faces->virtio, zone_idx);

    return (FaceZone) { zone.z_state, zone.z_wp - zone.z_start };
}

static bool virtio_write(Faces *faces, uint64_t lba, uint8_t seed)
{
    return vz_write(&faces->virtio, lba, WRITE_BLOCKS, seed) ==
           VIRTIO_BLK_S_OK;
}

static bool virtio_read(Faces *faces, uint64_t lba, uint8_t *data)
{
    VzReq req = vz_read_req(lba, WRITE_BLOCKS);

    vz_run(&faces->virtio, &req, 1);
    qtest_memread(faces->qts, req.in_addr, data, req.in_bytes);
    return req.status == VIRTIO_BLK_S_OK;
}

static bool virtio_act(Faces *faces, FaceAction action, uint64_t lba)
{
    static const uint32_t types[NR_FACE_ACTIONS] = {
        [FACE_OPEN] = VIRTIO_BLK_T_ZONE_OPEN,
        [FACE_FINISH] = VIRTIO_BLK_T_ZONE_FINISH,
        [FACE_RESET] = VIRTIO_BLK_T_ZONE_RESET,
    };

    return vz_manage(&faces->virtio, types[action], lba) == VIRTIO_BLK_S_OK;
}

/* scsi-hd */

static void scsi_boot(Faces *faces)
{
    zbc_boot(&faces->scsi);
    faces->qts = faces->scsi.qts;
}

static void scsi_quit(Faces *faces)
{
    zbc_quit(&faces->scsi);
}

static FaceZone scsi_zone(Faces *faces, uint32_t zone_idx)
{
    ZbcZone zone = zbc_zone(&faces->scsi, zone_idx);

    return (FaceZone) { zone.condition, zone.wp_lba - zone.start_lba };
}

static bool scsi_write(Faces *faces, uint64_t lba, uint8_t seed)
{
    return zbc_write(&faces->scsi, lba, WRITE_BLOCKS, seed) == ZBC_GOOD;
}

static bool scsi_read(Faces *faces, uint64_t lba, uint8_t *data)
{
    uint32_t sense = zbc_read(&faces->scsi, lba, WRITE_BLOCKS);

    qtest_memread(faces->qts, faces->scsi.buf_addr, data,
                  WRITE_BLOCKS * BLOCK_BYTES);
    return sense == ZBC_GOOD;
}

static bool scsi_act(Faces *faces, FaceAction action, uint64_t lba)
{
    static const uint8_t actions[NR_FACE_ACTIONS] = {
        [FACE_OPEN] = ZBC_OPEN,
        [FACE_FINISH] = ZBC_FINISH,
        [FACE_RESET] = ZBC_RESET,
    };

    return zbc_out(&faces->scsi, actions[action], lba) == ZBC_GOOD;
}

static const Face nvme = {
    "nvme-ns", nvme_boot, nvme_quit, nvme_zone, nvme_write, nvme_read, nvme_act
};
static const Face virtio = {
    "virtio-blk", virtio_boot, virtio_quit, virtio_zone, virtio_write,
    virtio_read, virtio_act
};
static const Face scsi = {
    "scsi-hd", scsi_boot, scsi_quit, scsi_zone, scsi_write, scsi_read, scsi_act
};

/* What the image must hold */

static Faces *faces_new(void)
{
    ZnsDrive *drive = zns_drive_new(&nvme_spec, ZNS_QCOW2);
    Faces *faces;
    uint32_t i;

    if (!drive) {
        return NULL;
    }
    zns_quit(drive);
    faces = g_new0(Faces, 1);
    faces->nvme = drive;
    faces->virtio = (VzDrive) {
        .spec = &virtio_spec,
        .image = drive->image,
        .zone_sectors = ZONE_BLOCKS,
        .capacity_sectors = ZONE_BLOCKS,
    };
    faces->scsi = (ZbcDrive) {
        .spec = &scsi_spec,
        .image = drive->image,
        .block_bytes = BLOCK_BYTES,
        .zone_blocks = ZONE_BLOCKS,
    };
    faces->content = g_new0(Content, 1);
    for (i = 0; i < NR_ZONES; i++) {
        faces->content->states[i] = ZONE_STATE_EMPTY;
    }
    return faces;
}

static void faces_free(Faces *faces)
{
    zns_boot(faces->nvme);
    zns_drive_free(faces->nvme);
    g_free(faces->content);
    g_free(faces);
}

/* Without power no zone is open: those with data are Closed */
static void check_zone(const Face *face, Faces *faces, uint32_t zone_idx)
{
    const Content *content = faces->content;
    FaceZone zone = face->zone(faces, zone_idx);
    uint8_t data[WRITE_BLOCKS * BLOCK_BYTES];
    uint64_t lba = zone_idx * ZONE_BLOCKS;
    uint32_t i;

    g_assert_cmphex(zone.state, ==, content->states[zone_idx]);
    if (zone.state != ZONE_STATE_FULL) {
        g_assert_cmpuint(zone.nr_written, ==, content->nr_written[zone_idx]);
    }
    /* the last ones are above the write pointer: zeros */
    for (i = 0; i <= content->nr_written[zone_idx]; i += WRITE_BLOCKS) {
        g_assert_true(face->read(faces, lba + i, data));
        g_assert_cmpmem(data, sizeof(data),
                        content->data + (lba + i) * BLOCK_BYTES, sizeof(data));
    }
}

static void check_zones(const Face *face, Faces *faces)
{
    uint32_t i;

    for (i = 0; i < NR_ZONES; i++) {
        check_zone(face, faces, i);
    }
}

static void write_zone(const Face *face, Faces *faces, uint32_t zone_idx)
{
    Content *content = faces->content;
    uint64_t lba = zone_idx * ZONE_BLOCKS + content->nr_written[zone_idx];
    uint8_t *data = content->data + lba * BLOCK_BYTES;

    g_assert_true(face->write(faces, lba, ++faces->seed));
    /* each device's driver has a pattern of its own */
    g_assert_true(face->read(faces, lba, data));
    g_assert_false(buffer_is_zero(data, WRITE_BLOCKS * BLOCK_BYTES));
    content->nr_written[zone_idx] += WRITE_BLOCKS;
    content->states[zone_idx] = ZONE_STATE_CLOSED;
}

static void finish_zone(const Face *face, Faces *faces, uint32_t zone_idx)
{
    g_assert_true(face->act(faces, FACE_FINISH, zone_idx * ZONE_BLOCKS));
    faces->content->states[zone_idx] = ZONE_STATE_FULL;
}

static void reset_zone(const Face *face, Faces *faces, uint32_t zone_idx)
{
    g_assert_true(face->act(faces, FACE_RESET, zone_idx * ZONE_BLOCKS));
    memset(faces->content->data + zone_idx * ZONE_BYTES, 0, ZONE_BYTES);
    faces->content->nr_written[zone_idx] = 0;
    faces->content->states[zone_idx] = ZONE_STATE_EMPTY;
}

/* Zone 1 + step is written, the one before Full, the one before that Empty */
static void change_zones(const Face *face, Faces *faces, uint32_t step)
{
    write_zone(face, faces, SHARED_ZONE);
    write_zone(face, faces, 1 + step);
    if (step >= 1) {
        finish_zone(face, faces, step);
    }
    if (step >= 2) {
        reset_zone(face, faces, step - 1);
    }
    /* open without data: Empty in the next life */
    g_assert_true(face->act(faces, FACE_OPEN, (NR_ZONES - 1) * ZONE_BLOCKS));
}

static void live(const Face *face, Faces *faces, uint32_t step)
{
    face->boot(faces);
    check_zones(face, faces);
    change_zones(face, faces, step);
    face->quit(faces);
}

/* The same image from each device; nothing changes */
static void check_all(Faces *faces)
{
    static const Face *const faces_in_turn[] = { &nvme, &virtio, &scsi };
    uint32_t i;

    for (i = 0; i < ARRAY_SIZE(faces_in_turn); i++) {
        faces_in_turn[i]->boot(faces);
        check_zones(faces_in_turn[i], faces);
        faces_in_turn[i]->quit(faces);
    }
}

/* Of any two of the three, one comes behind the other here */
static const Face *const lives[] = {
    &nvme, &nvme, &virtio, &virtio, &scsi, &scsi, &nvme, &scsi, &virtio, &nvme,
};

static void test_one_image(void)
{
    Faces *faces = faces_new();
    uint32_t i;

    QEMU_BUILD_BUG_ON(ARRAY_SIZE(lives) + 1 >= NR_ZONES);
    if (!faces) {
        return;
    }
    for (i = 0; i < ARRAY_SIZE(lives); i++) {
        g_test_message("life %u: %s", i, lives[i]->name);
        live(lives[i], faces, i);
    }
    faces_free(faces);
}

static void use_image(Faces *faces, char *image)
{
    faces->nvme->image = image;
    faces->virtio.image = image;
    faces->scsi.image = image;
}

/* The overlay is taken amid the life of a device, which goes on in it */
static void test_overlay(const void *opaque)
{
    const Face *face = opaque;
    g_autofree char *overlay = NULL;
    g_autofree Content *below = NULL;
    Faces *faces = faces_new();
    char *image;

    if (!faces) {
        return;
    }
    image = faces->nvme->image;
    overlay = g_strconcat(image, ".overlay", NULL);
    face->boot(faces);
    change_zones(face, faces, 0);
    change_zones(face, faces, 1);
    below = g_memdup2(faces->content, sizeof(*below));
    qtest_qmp_assert_success(faces->qts,
        "{ 'execute': 'blockdev-snapshot-sync', 'arguments': "
        "{ 'device': 'zns0', 'snapshot-file': %s, 'format': 'qcow2' } }",
        overlay);
    change_zones(face, faces, 2);
    change_zones(face, faces, 3);
    face->quit(faces);

    use_image(faces, overlay);
    check_all(faces);
    use_image(faces, image);
    memcpy(faces->content, below, sizeof(*below));
    check_all(faces);
    unlink(overlay);
    faces_free(faces);
}

static void apply_snapshot(const char *image)
{
    const char *args[] = {
        getenv("QTEST_QEMU_IMG"), "snapshot", "-q", "-a", "then", image, NULL,
    };

    g_assert_true(zone_image_run(args, 0));
}

static void test_snapshot(const void *opaque)
{
    const Face *face = opaque;
    g_autofree Content *then = NULL;
    Faces *faces = faces_new();

    if (!faces) {
        return;
    }
    face->boot(faces);
    change_zones(face, faces, 0);
    change_zones(face, faces, 1);
    then = g_memdup2(faces->content, sizeof(*then));
    qtest_qmp_assert_success(faces->qts,
        "{ 'execute': 'blockdev-snapshot-internal-sync', 'arguments': "
        "{ 'device': 'zns0', 'name': 'then' } }");
    change_zones(face, faces, 2);
    change_zones(face, faces, 3);
    face->quit(faces);

    check_all(faces);
    apply_snapshot(faces->nvme->image);
    memcpy(faces->content, then, sizeof(*then));
    check_all(faces);
    faces_free(faces);
}

/* What NVMe calls Reset Zone Recommended, a SCSI disk shows as RESET */
static void test_reset_recommended(void)
{
    Faces *faces = faces_new();

    if (!faces) {
        return;
    }
    nvme.boot(faces);
    write_zone(&nvme, faces, 3);
    finish_zone(&nvme, faces, 3);
    zns_recommend_reset(faces->nvme, 3, 0);
    nvme.quit(faces);

    scsi.boot(faces);
    g_assert_true(zbc_zone(&faces->scsi, 3).reset_recommended);
    g_assert_false(zbc_zone(&faces->scsi, 2).reset_recommended);
    reset_zone(&scsi, faces, 3);
    scsi.quit(faces);

    nvme.boot(faces);
    g_assert_cmphex(zns_zone(faces->nvme, 3).attributes, ==, 0);
    check_zone(&nvme, faces, 3);
    nvme.quit(faces);
    faces_free(faces);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("zone-faces/one-image", test_one_image);
    qtest_add_data_func("zone-faces/overlay/nvme-ns", &nvme, test_overlay);
    qtest_add_data_func("zone-faces/overlay/virtio-blk", &virtio, test_overlay);
    qtest_add_data_func("zone-faces/overlay/scsi-hd", &scsi, test_overlay);
    qtest_add_data_func("zone-faces/snapshot/nvme-ns", &nvme, test_snapshot);
    qtest_add_data_func("zone-faces/snapshot/virtio-blk", &virtio,
                        test_snapshot);
    qtest_add_data_func("zone-faces/snapshot/scsi-hd", &scsi, test_snapshot);
    qtest_add_func("zone-faces/reset-recommended", test_reset_recommended);
    return g_test_run();
}
