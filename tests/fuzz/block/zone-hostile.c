/*
 * Damaged zoned images, as a whole
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that no damage to header, extensions, words, slots, mapping, refcounts
 * or snapshot table makes the driver assert, hang or reach outside; that an
 * image which opens all the same obeys the rules of its table; and that words
 * which a repair calls good can be opened.  How: a good image gets random
 * damage, is checked, opened, read, written, managed, repaired, opened again.
 *
 * usage: zone-hostile [--seed N] [--images N]
 * Image I of seed S is image 1 of seed S + I - 1.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "block/block_int.h"
#include "block/qcow2.h"
#include "block/zone/qcow2/internal.h"
#include "fail-image.h"

#define CLUSTER_BYTES       16384
#define HEADER_BYTES        512
#define MAX_DAMAGE          6
/* Offsets in the header of qcow2 */
#define AT_NB_SNAPSHOTS     60
#define AT_SNAPSHOTS        64
#define AT_EXTENSIONS       104

typedef enum Damage {
    DAMAGE_WORD,            /* the only one that leaves all else good */
    DAMAGE_FIELD,
    DAMAGE_HEADER,
    DAMAGE_ANY,
    DAMAGE_SNAPSHOTS,
    DAMAGE_TRUNCATE,
    DAMAGE_KINDS,
} Damage;

/*
 * For LeakSanitizer: the base never closes a node that it has found corrupt,
 * and forgets tables that a check has read or rebuilt
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:qcow2_do_open\n"
           "leak:qcow2_check_read_snapshot_table\n"
           "leak:rebuild_refcounts_write_refblocks\n";
}

static uint64_t seed;
static unsigned nr_images = 500;
static uint64_t this_seed;
static unsigned nr_opened, nr_refused, nr_repaired;

static int quiet;

static void say_seed(int sig)
{
    if (quiet) {
        fail_quiet_end(quiet);
    }
    fprintf(stderr, "# --seed %" PRIu64 " --images 1 shows it again\n",
            this_seed);
    /* SA_RESETHAND: this one ends the process */
    raise(sig);
}

static uint64_t random_u64(GRand *rand)
{
    return (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
}

/* Values at which fields break */
static uint64_t interesting(GRand *rand)
{
    uint64_t power = UINT64_C(1) << g_rand_int_range(rand, 0, 64);

    switch (g_rand_int_range(rand, 0, 6)) {
    case 0:
        return 0;
    case 1:
        return power - 1;
    case 2:
        return -power;
    case 3:
        return random_u64(rand) % 64;
    case 4:
        return random_u64(rand);
    default:
        return power;
    }
}

static void poke(FailImage *image, uint64_t offset, uint64_t value,
                 unsigned bytes)
{
    uint64_t be_value = cpu_to_be64(value);

    fail_disk_poke(image->disk[0], offset,
                   (uint8_t *)&be_value + sizeof(be_value) - bytes, bytes);
}

static uint64_t peek(const FailImage *image, uint64_t offset, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes--) {
        value = value << 8 | image->disk[0]->data[offset++];
    }
    return value;
}

/* Data of the zone table extension; 0 when the header has none */
static uint64_t extension_offset(const FailImage *image)
{
    uint64_t offset = peek(image, 100, 4);

    while (offset + 8 <= HEADER_BYTES) {
        if (peek(image, offset, 4) == QCOW2_EXT_MAGIC_ZONE) {
            return offset + 8;
        }
        offset += 8 + ROUND_UP(peek(image, offset + 4, 4), 8);
    }
    return 0;
}

static void damage_word(FailImage *image, GRand *rand)
{
    uint32_t zone_idx = g_rand_int_range(rand, 0, image->geometry.nr_zones);
    uint64_t bits = UINT64_C(1) << g_rand_int_range(rand, 0, 64);

    if (g_rand_boolean(rand)) {
        bits |= UINT64_C(1) << g_rand_int_range(rand, 48, 64);
    } else if (g_rand_int_range(rand, 0, 4) == 0) {
        bits = random_u64(rand);
    }
    fail_image_damage(image, zone_idx, bits);
}

static void damage_field(FailImage *image, GRand *rand)
{
    uint64_t offset = extension_offset(image);
    unsigned field = g_rand_int_range(rand, 0, 12);

    if (offset == 0) {
        return;
    }
    if (field < 4) {
        poke(image, offset + 8 + field * 8, interesting(rand), 8);
    } else if (field < 10) {
        poke(image, offset + 40 + (field - 4) * 4, interesting(rand), 4);
    } else {
        poke(image, offset + g_rand_int_range(rand, -8, 84),
             interesting(rand), 1);
    }
}

/* A table of snapshots, or what looks like one, behind the end of the file */
static void damage_snapshots(FailImage *image, GRand *rand)
{
    uint64_t offset = ROUND_UP(image->disk[0]->length_bytes, CLUSTER_BYTES);
    unsigned i;

    poke(image, AT_NB_SNAPSHOTS, g_rand_boolean(rand) ? 1 : interesting(rand),
         4);
    poke(image, AT_SNAPSHOTS, g_rand_int_range(rand, 0, 8) ? offset :
         interesting(rand), 8);
    for (i = 0; i < 128; i += 8) {
        poke(image, offset + i, g_rand_boolean(rand) ? 0 : interesting(rand),
             8);
    }
}

static void do_damage(FailImage *image, GRand *rand, Damage damage)
{
    FailDisk *disk = image->disk[0];
    /* earlier damage has made some disks very long */
    uint32_t offset = g_rand_int_range(rand, 0, CLAMP(disk->length_bytes - 8, 1,
                                                      INT32_MAX));

    switch (damage) {
    case DAMAGE_WORD:
        damage_word(image, rand);
        break;
    case DAMAGE_FIELD:
        damage_field(image, rand);
        break;
    case DAMAGE_HEADER:
        offset = g_rand_int_range(rand, 0, HEADER_BYTES);
        poke(image, offset, interesting(rand), g_rand_int_range(rand, 1, 9));
        break;
    case DAMAGE_ANY:
        /* tables have entries of 8 bytes, and are full of zeros */
        poke(image, ROUND_UP(offset, 8) - 8 * (offset >= 8),
             interesting(rand), 8);
        break;
    case DAMAGE_SNAPSHOTS:
        damage_snapshots(image, rand);
        break;
    default:
        disk->length_bytes = offset;
        disk->durable_bytes = offset;
        break;
    }
}

/* Whatever is asked of the zones, the table stays consistent */
static void use_zones(FailImage *image, GRand *rand)
{
    static const BlockZoneOp ops[] = {
        BLK_ZO_OPEN, BLK_ZO_CLOSE, BLK_ZO_FINISH, BLK_ZO_RESET, BLK_ZO_OFFLINE,
    };
    ZoneIO *io = bdrv_zone_io(blk_bs(image->blk));
    uint32_t nr_zones = blk_get_nr_zones(image->blk);
    uint64_t zone_bytes = blk_get_zone_size(image->blk);
    g_autofree uint8_t *buf = g_malloc0(CLUSTER_BYTES);
    ZoneInfo info;
    unsigned i;

    for (i = 0; io && i < 24; i++) {
        uint32_t zone_idx = g_rand_int(rand) % nr_zones;
        ZoneAction action = {
            .op = ops[g_rand_int_range(rand, 0, G_N_ELEMENTS(ops))],
            .select_all = i == 20,
            .offset_bytes = zone_idx * zone_bytes,
        };

        blk_get_zone_info(image->blk, zone_idx, &info);
        g_assert(info.wp_bytes >= info.start_bytes &&
                 info.wp_bytes <= info.start_bytes + info.capacity_bytes);
        blk_pread(image->blk, info.start_bytes, CLUSTER_BYTES, buf, 0);
        blk_pwrite(image->blk, info.wp_bytes, FAIL_BLOCK_BYTES, buf, 0);
        if (i % 3 == 0) {
            blk_zone_action(image->blk, &action);
        }
        if (i % 8 == 0) {
            blk_flush(image->blk);
        }
    }
    if (io) {
        zone_io_lock(io);
        zone_table_verify(zone_io_table(io));
        zone_io_unlock(io);
    }
}

static bool try_open(FailImage *image, GRand *rand)
{
    Error *local_err = NULL;

    if (fail_image_open(image, 0, &local_err) < 0) {
        g_assert(*error_get_pretty(local_err));
        error_free(local_err);
        return false;
    }
    use_zones(image, rand);
    fail_image_close(image);
    return true;
}

static void test_image(const FailImage *good, GRand *rand)
{
    FailImage *image = fail_image_dup(good, false);
    FailImage *copy;
    bool only_words = g_rand_int_range(rand, 0, 3) == 0;
    unsigned nr = g_rand_int_range(rand, 1, MAX_DAMAGE + 1);
    int corruptions = 0;
    int ret;

    while (nr--) {
        do_damage(image, rand, only_words ? DAMAGE_WORD :
                  g_rand_int_range(rand, 0, DAMAGE_KINDS));
    }
    copy = fail_image_dup(image, false);
    ret = fail_image_check(copy, false, &corruptions);
    if (try_open(copy, rand)) {
        nr_opened++;
        /* with words alone, what the check finds is what the open refuses */
        g_assert(!only_words || (ret >= 0 && !corruptions));
    } else {
        nr_refused++;
        g_assert(!only_words || corruptions);
    }
    fail_image_free(copy);

    ret = fail_image_check(image, true, &corruptions);
    if (ret >= 0 && fail_image_check(image, false, &corruptions) >= 0 &&
        !corruptions) {
        nr_repaired++;
        g_assert(try_open(image, rand) || !only_words);
    } else {
        g_assert(!only_words);
    }
    fail_image_free(image);
}

static void test_images(const void *data)
{
    const FailVariant *variant = data;
    FailImage *good = fail_image_new(variant);
    unsigned i;

    fail_image_prepare(good);
    /* one image alone is looked at by somebody who wants to know */
    quiet = nr_images > 1 ? fail_quiet_begin() : 0;
    for (i = 0; i < nr_images; i++) {
        GRand *rand;

        this_seed = seed + i;
        rand = g_rand_new_with_seed(this_seed);
        test_image(good, rand);
        g_rand_free(rand);
    }
    if (quiet) {
        fail_quiet_end(quiet);
        quiet = 0;
    }
    fail_image_free(good);
}

static bool take_number(int argc, char **argv, int *i, const char *name,
                        uint64_t *value)
{
    if (strcmp(argv[*i], name)) {
        return false;
    }
    if (*i + 1 == argc || qemu_strtou64(argv[*i + 1], NULL, 0, value) < 0) {
        fprintf(stderr, "%s needs a number\n", name);
        exit(2);
    }
    *i += 1;
    return true;
}

/* Takes our options out of argv: GLib has a --seed of its own */
static int parse_options(int argc, char **argv)
{
    uint64_t images = nr_images;
    int kept = 1;
    int i;

    for (i = 1; i < argc; i++) {
        if (!take_number(argc, argv, &i, "--seed", &seed) &&
            !take_number(argc, argv, &i, "--images", &images)) {
            argv[kept++] = argv[i];
        }
    }
    nr_images = images;
    argv[kept] = NULL;
    return kept;
}

int main(int argc, char **argv)
{
    const FailVariant *variant;
    struct sigaction act = {
        .sa_handler = say_seed,
        .sa_flags = SA_RESETHAND | SA_NODEFER,
    };
    int ret;

    seed = g_get_real_time() % 1000000000;
    argc = parse_options(argc, argv);
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    fail_disk_register();
    sigaction(SIGABRT, &act, NULL);
    sigaction(SIGSEGV, &act, NULL);
    g_test_init(&argc, &argv, NULL);
    printf("# seed %" PRIu64 "\n", seed);
    for (variant = fail_variants; variant->name; variant++) {
        g_autofree char *path = g_strdup_printf("/hostile/%s", variant->name);

        /* the raw data file adds nothing here, many zones take long */
        if (!variant->nr_zones && !variant->data_file_raw) {
            g_test_add_data_func(path, variant, test_images);
        }
    }
    ret = g_test_run();
    printf("# %u images opened, %u refused, %u repaired\n", nr_opened,
           nr_refused, nr_repaired);
    return ret;
}
