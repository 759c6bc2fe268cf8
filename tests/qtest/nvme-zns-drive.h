/*
 * A zoned NVMe drive under test: its image, QEMU's life, commands, checks
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All positions and lengths called lba or nr_blocks count logical blocks.
 */

#ifndef NVME_ZNS_DRIVE_H
#define NVME_ZNS_DRIVE_H

#include "nvme-zns-driver.h"

/* Where the zones live */
typedef enum ZnsKind {
    ZNS_QCOW2  = 1 << 0,    /* in the image */
    ZNS_MEMORY = 1 << 1,    /* zoned=on over a raw image */
    ZNS_BOTH   = ZNS_QCOW2 | ZNS_MEMORY,
    /* In the block driver "zoned"; some of the tests for ZNS_MEMORY */
    ZNS_FILTER = 1 << 2,
    /* Nowhere: a qcow2 image without zones; in ZnsSpec.more alone */
    ZNS_PLAIN  = 1 << 3,
} ZnsKind;

/* Limits of 0 mean no limit, option strings of NULL none */
typedef struct ZnsSpec {
    uint64_t device_bytes;
    uint64_t zone_bytes;
    uint64_t capacity_bytes;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t zde_bytes;
    uint32_t block_bytes;
    const char *image_options;  /* more for qemu-img create */
    const char *memory_options; /* more for nvme-ns, with ZNS_MEMORY alone */
    const char *filter_options; /* the same for the driver "zoned" */
    const char *ns_options;     /* more for nvme-ns */
    const char *ctrl_options;   /* more for nvme */
    const char *drive_options;  /* more for -drive */
    /* -drive of another node on the image, whose name is added */
    const char *qcow2_node;
    /* Namespaces 2 and up, of the same controller; the last one has no spec */
    const struct ZnsMore *more;
    bool map_memory;            /* see ZnsDrive.memory */
} ZnsSpec;

typedef struct ZnsMore {
    const ZnsSpec *spec;        /* without ctrl_options and more */
    ZnsKind kind;
} ZnsMore;

/*
 * A driver for "file" below qcow2, for qcow2_node: writes and flushes take
 * ZNS_SLOW_MS at least, whatever is drained above; reads do not
 */
#define ZNS_SLOW_MS 20
#define ZNS_SLOW_FILE(file)                                             \
    file ".driver=blklogwrites," file ".log.driver=null-co,"            \
    file ".log.size=64G," file ".log.latency-ns=20000000,"              \
    file ".file.driver=file," file ".file.filename="

/* 16 zones of 4 MiB that hold 3 MiB each; 3 may be open, 5 active */
extern const ZnsSpec zns_spec_default;
/* The same without limits and without descriptor extensions */
extern const ZnsSpec zns_spec_plain;

#define ZNS_MAX_ZONES     32
#define ZNS_MAX_ZDE_BYTES 64
#define ZNS_BUF_BYTES     (1024 * 1024)
#define ZNS_MAX_MORE      8

/* A controller with its first namespace, or a further namespace of it */
typedef struct ZnsDrive ZnsDrive;
struct ZnsDrive {
    const ZnsSpec *spec;
    ZnsKind kind;
    uint32_t nsid;
    char *image;
    uint32_t nr_zones;
    uint64_t zone_blocks;
    uint64_t capacity_blocks;
    QTestState *qts;
    QPCIBus *bus;
    QGuestAllocator alloc;
    ZnsCtrl *ctrl;
    uint64_t buf_addr;          /* ZNS_BUF_BYTES of guest memory */
    int memory_fd;
    uint8_t *memory;            /* all of it, if the spec asks; or NULL */
    bool may_leak;              /* clusters: QEMU was killed amid writes */
    /*
     * Further namespaces.  Commands and checks take them as they take the
     * drive; QEMU's life is that of the drive.
     */
    ZnsDrive *more[ZNS_MAX_MORE];
};

/* A test: run on a fresh drive of each kind in on */
typedef struct ZnsTest {
    const char *path;
    void (*run)(ZnsDrive *drive);
    unsigned on;
    const ZnsSpec *spec;        /* NULL: zns_spec_default */
} ZnsTest;

/* Each ends with an entry without a path */
extern const ZnsTest zns_identify_tests[];
extern const ZnsTest zns_io_tests[];
extern const ZnsTest zns_command_tests[];
extern const ZnsTest zns_mgmt_tests[];
extern const ZnsTest zns_limit_tests[];
extern const ZnsTest zns_zde_tests[];
extern const ZnsTest zns_report_tests[];
extern const ZnsTest zns_zrwa_tests[];
extern const ZnsTest zns_meta_tests[];
extern const ZnsTest zns_format_tests[];
extern const ZnsTest zns_event_tests[];
extern const ZnsTest zns_broken_tests[];
extern const ZnsTest zns_ctrl_tests[];
extern const ZnsTest zns_hostile_tests[];
extern const ZnsTest zns_active_tests[];
extern const ZnsTest zns_repair_tests[];
extern const ZnsTest zns_persist_tests[];
extern const ZnsTest zns_kill_tests[];
extern const ZnsTest zns_excursion_tests[];
extern const ZnsTest zns_capacity_tests[];
extern const ZnsTest zns_overlay_tests[];
extern const ZnsTest zns_large_tests[];
extern const ZnsTest zns_many_tests[];
extern const ZnsTest zns_plug_tests[];
extern const ZnsTest zns_fuzz_tests[];
/* Tests that need no running drive; registers them itself */
void zns_add_refuse_tests(void);

/*
 * A new image file; the caller frees the name after unlink().  NULL, and the
 * test has failed, when qemu-img does not make it.
 */
char *zns_create_image(const ZnsSpec *spec, ZnsKind kind);
/* Device options that attach the image, for a QEMU command line */
char *zns_device_options(const ZnsSpec *spec, ZnsKind kind, const char *image);

/* An image and a QEMU that runs on it; NULL as above */
ZnsDrive *zns_drive_new(const ZnsSpec *spec, ZnsKind kind);
/* Ends QEMU and has qemu-img check the image */
void zns_drive_free(ZnsDrive *drive);
/* "quit", and a new QEMU on the same image */
void zns_restart(ZnsDrive *drive);
/* SIGTERM, and a new QEMU on the same image */
void zns_terminate_and_restart(ZnsDrive *drive);
/* SIGKILL, and a new QEMU on the same image */
void zns_kill_and_restart(ZnsDrive *drive);
/* The halves of these, for a look at the image in between */
void zns_quit(ZnsDrive *drive);
void zns_terminate(ZnsDrive *drive);
void zns_kill(ZnsDrive *drive);
void zns_boot(ZnsDrive *drive);
/* True when qemu-img check finds nothing, or leaks that may be */
bool zns_check_image(const ZnsDrive *drive);

/* A namespace of the drive; 1 is the drive itself */
static inline ZnsDrive *zns_ns(ZnsDrive *drive, uint32_t nsid)
{
    return nsid == 1 ? drive : drive->more[nsid - 2];
}

static inline uint64_t zns_lba(const ZnsDrive *drive, uint32_t zone_idx)
{
    return zone_idx * drive->zone_blocks;
}

/* Data */

/* Of ZNS_SEED in the environment, or new; the test's log has it */
uint32_t zns_pick_seed(void);
/* Block idx of what a command with this seed writes */
void zns_fill_pattern(void *block, size_t block_bytes, uint32_t seed,
                      uint64_t idx);
/* Puts the pattern of nr_blocks into guest memory */
void zns_put_pattern(ZnsDrive *drive, uint64_t addr, uint32_t nr_blocks,
                     uint32_t seed);
/* Reads into memory that the caller frees; NULL when the command fails */
char *zns_load_blocks(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks);
/* True when nr_blocks from lba read back without error as the pattern */
bool zns_holds(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
               uint32_t seed);
/* True when they read without error as zeros */
bool zns_reads_zeros(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks);

/* Commands; all return the NVMe status */

/* To namespace 1 */
NvmeCmd zns_rw_cmd(uint8_t opcode, uint64_t lba, uint32_t nr_blocks);
uint16_t zns_write(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
                   uint32_t seed);
uint16_t zns_write_fua(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
                       uint32_t seed);
uint16_t zns_append(ZnsDrive *drive, uint64_t zone_lba, uint32_t nr_blocks,
                    uint32_t seed, uint64_t *lba);
uint16_t zns_read(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks);
uint16_t zns_write_zeroes(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks);
uint16_t zns_flush(ZnsDrive *drive);
/* Makes a zone Full by writing all of it */
uint16_t zns_fill_zone(ZnsDrive *drive, uint32_t zone_idx);

/* action_flags: NvmeZoneSendAction, with NVME_ZSFLAG_* shifted by 8 */
#define ZNS_SELECT_ALL (NVME_ZSFLAG_SELECT_ALL << 8)
#define ZNS_ZRWA_ALLOC (NVME_ZSFLAG_ZRWA_ALLOC << 8)
uint16_t zns_send(ZnsDrive *drive, uint64_t lba, uint32_t action_flags);
ZnsReply zns_send_for_reply(ZnsDrive *drive, uint64_t lba,
                            uint32_t action_flags);
/* Shorthands on whole zones */
uint16_t zns_open(ZnsDrive *drive, uint32_t zone_idx);
uint16_t zns_close(ZnsDrive *drive, uint32_t zone_idx);
uint16_t zns_finish(ZnsDrive *drive, uint32_t zone_idx);
uint16_t zns_reset(ZnsDrive *drive, uint32_t zone_idx);
/* Fills 4096 bytes */
void zns_identify(ZnsDrive *drive, uint8_t cns, uint8_t csi, void *data);
/* The extension is block 0 of the pattern, cut to the size */
uint16_t zns_set_zde(ZnsDrive *drive, uint32_t zone_idx, uint32_t seed);
/* The same with a Zone Random Write Area */
uint16_t zns_set_zde_zrwa(ZnsDrive *drive, uint32_t zone_idx, uint32_t seed);

/* Through QMP: what a host cannot do to a zone */

/* state: "full", "read-only" or "offline" */
void zns_set_state(ZnsDrive *drive, uint32_t zone_idx, const char *state);
void zns_set_attributes(ZnsDrive *drive, uint32_t zone_idx,
                        bool finish_recommended, bool reset_recommended);
/* Also in states that they are not for */
void zns_force_attributes(ZnsDrive *drive, uint32_t zone_idx,
                          bool finish_recommended, bool reset_recommended);
/* One of the two, with one of four limits */
void zns_recommend_finish(ZnsDrive *drive, uint32_t zone_idx, unsigned limit);
void zns_recommend_reset(ZnsDrive *drive, uint32_t zone_idx, unsigned limit);
void zns_set_capacity(ZnsDrive *drive, uint32_t zone_idx,
                      uint64_t capacity_bytes);
/* An answer that is an error, which has why in its words; frees it */
void zns_assert_refused(QDict *answer, const char *why);

/* Namespace Attachment of one controller; select: 0 attaches, 1 detaches */
uint16_t zns_attach(ZnsDrive *drive, uint32_t nsid, uint16_t cntlid,
                    uint32_t select);

/* Commands on data that is there */
uint16_t zns_compare(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
                     uint32_t seed);
uint16_t zns_verify(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks);
uint16_t zns_deallocate(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks);
/* Two source ranges of nr_blocks each, format 0 */
uint16_t zns_copy_two(ZnsDrive *drive, uint64_t to_lba, uint64_t from1_lba,
                      uint64_t from2_lba, uint32_t nr_blocks);

/* Reports */

typedef struct ZnsZone {
    uint64_t start_lba;
    uint64_t wp_lba;
    uint64_t capacity_blocks;
    uint8_t type;
    uint8_t state;
    uint8_t attributes;
    uint8_t limits;         /* Zone Attributes Information */
    uint8_t zde[ZNS_MAX_ZDE_BYTES];
} ZnsZone;

typedef struct ZnsReportArgs {
    uint64_t lba;
    uint8_t action;         /* NvmeZoneReceiveAction */
    uint8_t filter;         /* NvmeZoneReportType */
    bool partial;
    uint32_t bytes;         /* of the buffer; 0: all that the zones need */
} ZnsReportArgs;

typedef struct ZnsReport {
    uint64_t nr_zones;      /* as the header says */
    uint32_t nr_listed;     /* descriptors in the buffer */
    ZnsZone zones[ZNS_MAX_ZONES];
} ZnsReport;

uint16_t zns_report(ZnsDrive *drive, ZnsReportArgs args, ZnsReport *report);
/* Its halves, with the buffer at addr; the first returns the identifier */
uint16_t zns_send_report(ZnsDrive *drive, ZnsReportArgs args, uint64_t addr);
void zns_take_report(ZnsDrive *drive, ZnsReportArgs args, uint64_t addr,
                     ZnsReport *report);
/* One zone; with its extension where the drive has any */
ZnsZone zns_zone(ZnsDrive *drive, uint32_t zone_idx);
/* For extensions of ZNS_MAX_ZDE_BYTES, as zns_set_zde() sets them */
bool zns_zone_has_zde(const ZnsZone *zone, uint32_t seed);
bool zns_zde_is(ZnsDrive *drive, uint32_t zone_idx, uint32_t seed);
bool zns_zde_is_zero(ZnsDrive *drive, uint32_t zone_idx);

/* Checks that name the caller's line */

#define zns_assert_status(got, expected) \
    g_assert_cmphex(got, ==, expected)
#define zns_assert_ok(got) \
    g_assert_cmphex(got, ==, NVME_SUCCESS)
#define zns_assert_state(drive, zone_idx, expected) \
    g_assert_cmphex(zns_zone(drive, zone_idx).state, ==, \
                    NVME_ZONE_STATE_##expected)
/* The state, and how many blocks lie below the write pointer */
#define zns_assert_zone(drive, zone_idx, expected, nr_written) \
    do { \
        ZnsZone zone_ = zns_zone(drive, zone_idx); \
        g_assert_cmphex(zone_.state, ==, NVME_ZONE_STATE_##expected); \
        g_assert_cmpuint(zone_.wp_lba - zone_.start_lba, ==, nr_written); \
    } while (0)

#endif /* NVME_ZNS_DRIVE_H */
