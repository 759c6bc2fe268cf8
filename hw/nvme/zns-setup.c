/*
 * NVMe Zoned Namespace Command Set: from properties and image to a namespace
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "system/block-backend.h"
#include "zns.h"
#include "trace.h"

#define NVME_ZNS_DEFAULT_ZONE_SIZE      (128 * MiB)
/* Zone descriptor extensions are counted in units of 64 bytes, in a byte */
#define NVME_ZNS_ZDES_UNIT              64
#define NVME_ZNS_ZDES_MAX               (UINT8_MAX * NVME_ZNS_ZDES_UNIT)
/* ZASL counts powers of two of pages, of which 0 means "no limit" */
#define NVME_ZNS_PAGE_SIZE              4096
/* Zone Operation Characteristics */
#define NVME_ZNS_ZOC_VARIABLE_CAPACITY  (1 << 0)
#define NVME_ZNS_ZOC_EXCURSIONS         (1 << 1)
/* The revision that zone-conformance.rst is about: 1.1.0 */
#define NVME_ZNS_VERSION                0x00010100
#define NVME_ZNS_MIN_APPEND_LIMIT       (2 * NVME_ZNS_PAGE_SIZE)

/* A zoned.* property that was given has to agree with the image */
static bool check_property(const char *name, uint64_t value,
                           uint64_t image_value, const char *image_name,
                           Error **errp)
{
    if (!value || value == image_value) {
        return true;
    }

    error_setg(errp, "zoned.%s=%" PRIu64 " contradicts the zoned image, "
               "whose %s is %" PRIu64, name, value, image_name, image_value);
    return false;
}

static bool check_properties(NvmeNamespace *ns, const ZoneGeometry *geo,
                             Error **errp)
{
    NvmeNamespaceParams *params = &ns->params;

    return check_property("zone_size", params->zone_size_bs, geo->zone_bytes,
                          "zone size", errp) &&
           check_property("zone_capacity", params->zone_cap_bs,
                          geo->capacity_bytes, "zone capacity", errp) &&
           check_property("max_active", params->max_active_zones,
                          geo->max_active_zones, "limit of active zones",
                          errp) &&
           check_property("max_open", params->max_open_zones,
                          geo->max_open_zones, "limit of open zones", errp) &&
           check_property("descr_ext_size", params->zd_extension_size,
                          geo->zd_extension_bytes,
                          "zone descriptor extension size", errp);
}

/* Identify counts both in logical blocks, with 16 bits */
static bool check_zrwa(NvmeNamespace *ns, const ZoneGeometry *geo, Error **errp)
{
    if (geo->zrwa_granularity_bytes % ns->lbasz) {
        error_setg(errp, "ZRWA granularity %" PRIu64 " of the drive is not a "
                   "multiple of the logical block size %zu",
                   geo->zrwa_granularity_bytes, ns->lbasz);
        return false;
    }
    if (nvme_zns_b2l(ns, geo->zrwa_bytes) > UINT16_MAX) {
        error_setg(errp, "ZRWA size %" PRIu64 " of the drive is more than %d "
                   "logical blocks of %zu bytes", geo->zrwa_bytes, UINT16_MAX,
                   ns->lbasz);
        return false;
    }
    return true;
}

/* What a zoned image may have and the command set cannot express */
static bool check_image(NvmeNamespace *ns, const ZoneGeometry *geo,
                        Error **errp)
{
    if (geo->conventional_zones) {
        error_setg(errp, "a zoned namespace cannot have conventional zones, "
                   "the image has %" PRIu32 " of them: create it with "
                   "zone.conventional_zones=0", geo->conventional_zones);
        return false;
    }
    if (ns->params.pi) {
        error_setg(errp, "protection information (pi=%u) cannot be used with "
                   "a zoned image", ns->params.pi);
        return false;
    }
    if (ns->params.ms) {
        error_setg(errp, "metadata (ms=%u) cannot be used with a zoned image",
                   ns->params.ms);
        return false;
    }
    if (geo->zone_bytes % ns->lbasz || geo->capacity_bytes % ns->lbasz) {
        error_setg(errp, "zone size %" PRIu64 " and zone capacity %" PRIu64
                   " of the image are not both multiples of the logical "
                   "block size %zu", geo->zone_bytes, geo->capacity_bytes,
                   ns->lbasz);
        return false;
    }
    if (geo->max_append_bytes &&
        geo->max_append_bytes < NVME_ZNS_MIN_APPEND_LIMIT) {
        error_setg(errp, "a zoned namespace cannot have an append limit below "
                   "%d, the image has %" PRIu32 ": create it with another "
                   "zone.max_append_bytes", NVME_ZNS_MIN_APPEND_LIMIT,
                   geo->max_append_bytes);
        return false;
    }

    return check_zrwa(ns, geo, errp) && check_properties(ns, geo, errp);
}

/* geo has the limits already */
static bool init_zrwa(NvmeNamespace *ns, ZoneGeometry *geo, Error **errp)
{
    NvmeNamespaceParams *params = &ns->params;
    uint64_t granularity = params->zrwafg;

    if (!params->zrwas) {
        return true;
    }
    if (granularity == UINT64_MAX) {
        granularity = ns->lbasz;
    }

    if (!granularity || granularity % ns->lbasz ||
        params->zrwas % granularity) {
        error_setg(errp, "zoned.zrwas=%" PRIu64 " must be a multiple of "
                   "zoned.zrwafg=%" PRIu64 ", and that one of the logical "
                   "block size %zu", params->zrwas, granularity, ns->lbasz);
        return false;
    }
    if (nvme_zns_b2l(ns, params->zrwas) > UINT16_MAX) {
        error_setg(errp, "zoned.zrwas=%" PRIu64 " is more than %d logical "
                   "blocks of %zu bytes", params->zrwas, UINT16_MAX,
                   ns->lbasz);
        return false;
    }
    if (geo->max_active_zones && params->numzrwa > geo->max_active_zones) {
        error_setg(errp, "zoned.numzrwa=%" PRIu32 " must not be more than the "
                   "limit of active zones, %" PRIu32, params->numzrwa,
                   geo->max_active_zones);
        return false;
    }

    geo->zrwa_bytes = params->zrwas;
    geo->zrwa_granularity_bytes = granularity;
    geo->max_zrwa_zones = params->numzrwa;
    return true;
}

/* A zoned node may have ZRWAs of its own; an image has none, and takes ours */
static bool init_image_zrwa(NvmeNamespace *ns, Error **errp)
{
    BlockBackend *blk = ns->blkconf.blk;
    NvmeNamespaceParams *params = &ns->params;
    ZoneGeometry geo = *blk_get_zone_geometry(blk);

    if (geo.zrwa_bytes) {
        return check_property("zrwas", params->zrwas, geo.zrwa_bytes,
                              "ZRWA size", errp) &&
               (params->zrwafg == UINT64_MAX ||
                check_property("zrwafg", params->zrwafg,
                               geo.zrwa_granularity_bytes, "ZRWA granularity",
                               errp)) &&
               check_property("numzrwa", params->numzrwa, geo.max_zrwa_zones,
                              "limit of ZRWAs", errp);
    }
    if (!init_zrwa(ns, &geo, errp)) {
        return false;
    }

    blk_set_zone_zrwa(blk, geo.zrwa_bytes, geo.zrwa_granularity_bytes,
                      geo.max_zrwa_zones);
    return true;
}

static bool volatile_limits(NvmeNamespace *ns, ZoneGeometry *geo, Error **errp)
{
    NvmeNamespaceParams *params = &ns->params;

    if (params->max_active_zones &&
        params->max_open_zones > params->max_active_zones) {
        error_setg(errp, "zoned.max_open=%" PRIu32 " must not be more than "
                   "zoned.max_active=%" PRIu32, params->max_open_zones,
                   params->max_active_zones);
        return false;
    }
    if (params->zd_extension_size % NVME_ZNS_ZDES_UNIT ||
        params->zd_extension_size > NVME_ZNS_ZDES_MAX) {
        error_setg(errp, "zoned.descr_ext_size=%" PRIu32 " must be a multiple "
                   "of %d up to %d", params->zd_extension_size,
                   NVME_ZNS_ZDES_UNIT, NVME_ZNS_ZDES_MAX);
        return false;
    }

    geo->max_active_zones = params->max_active_zones;
    geo->max_open_zones = params->max_open_zones ?: params->max_active_zones;
    geo->zd_extension_bytes = params->zd_extension_size;
    geo->auto_close = ns->zone_auto_close;
    return true;
}

/* The properties count bytes; zones are whole logical blocks */
static bool volatile_zones(NvmeNamespace *ns, ZoneGeometry *geo, Error **errp)
{
    uint64_t zone_bytes = ns->params.zone_size_bs ?: NVME_ZNS_DEFAULT_ZONE_SIZE;
    uint64_t capacity_bytes = ns->params.zone_cap_bs ?: zone_bytes;
    uint64_t nr_zones;

    if (capacity_bytes > zone_bytes) {
        error_setg(errp, "zoned.zone_capacity=%" PRIu64 " must not be more "
                   "than the zone size %" PRIu64, capacity_bytes, zone_bytes);
        return false;
    }
    if (capacity_bytes < ns->lbasz || zone_bytes > ZONE_MAX_BYTES) {
        error_setg(errp, "zone size %" PRIu64 " and zone capacity %" PRIu64
                   " must be at least one logical block (%zu) and at most "
                   "%" PRIu64, zone_bytes, capacity_bytes, ns->lbasz,
                   ZONE_MAX_BYTES);
        return false;
    }

    geo->zone_bytes = QEMU_ALIGN_DOWN(zone_bytes, ns->lbasz);
    geo->capacity_bytes = QEMU_ALIGN_DOWN(capacity_bytes, ns->lbasz);
    geo->capacity_step_bytes = zone_capacity_step(geo->capacity_bytes);

    nr_zones = le64_to_cpu(ns->id_ns.nsze) /
               nvme_zns_b2l(ns, geo->zone_bytes);
    if (!nr_zones || nr_zones > UINT32_MAX) {
        error_setg(errp, "the drive holds %" PRIu64 " zones of %" PRIu64
                   " bytes; it must be from 1 to %" PRIu32, nr_zones,
                   geo->zone_bytes, UINT32_MAX);
        return false;
    }

    geo->nr_zones = nr_zones;
    return true;
}

static bool insert_volatile_zones(NvmeNamespace *ns, Error **errp)
{
    ZoneGeometry geo = {};

    return volatile_zones(ns, &geo, errp) &&
           volatile_limits(ns, &geo, errp) &&
           init_zrwa(ns, &geo, errp) &&
           blk_insert_volatile_zones(ns->blkconf.blk, &geo, errp);
}

static void init_geometry(NvmeNamespace *ns, const ZoneGeometry *geo)
{
    ns->num_zones = geo->nr_zones;
    ns->zone_size = nvme_zns_b2l(ns, geo->zone_bytes);
    ns->zone_capacity = nvme_zns_b2l(ns, geo->capacity_bytes);
    ns->zone_size_log2 = is_power_of_2(ns->zone_size) ? ctz64(ns->zone_size)
                                                      : 0;

    ns->csi = NVME_CSI_ZONED;
}

void nvme_zns_init_format(NvmeNamespace *ns)
{
    if (!ns->params.zoned) {
        return;
    }
    ns->id_ns.nsze = cpu_to_le64(ns->num_zones * ns->zone_size);
    /* All of them can be full at one time, up to their capacity */
    ns->id_ns.ncap = cpu_to_le64(ns->num_zones * ns->zone_capacity);
    ns->id_ns.nuse = ns->id_ns.ncap;

    /*
     * A zone that is reset must read as deallocated to its last block, which
     * takes a granularity that divides the zone size.
     */
    if (ns->zone_size % (ns->id_ns.npdg + 1) &&
        ns->id_ns.nsfeat & NVME_ID_NS_NSFEAT_DAE) {
        warn_report("nvme-ns: zones of %" PRIu64 " blocks are not a multiple "
                    "of the deallocation granularity of %d blocks: no errors "
                    "on reads of deallocated blocks (DULBE)", ns->zone_size,
                    ns->id_ns.npdg + 1);
        ns->id_ns.nsfeat &= ~NVME_ID_NS_NSFEAT_DAE;
    }
}

/* Zone Operation Characteristics, and the time limits of recommendations */
static void init_characteristics(NvmeNamespace *ns, NvmeIdNsZoned *id)
{
    const NvmeNamespaceParams *params = &ns->params;
    int i;

    id->zoc = cpu_to_le16(
        (params->variable_capacity ? NVME_ZNS_ZOC_VARIABLE_CAPACITY : 0) |
        (params->excursions ? NVME_ZNS_ZOC_EXCURSIONS : 0));
    id->rrl = cpu_to_le32(params->reset_limits[0]);
    id->frl = cpu_to_le32(params->finish_limits[0]);
    /* RRL1 to RRL3, FRL1 to FRL3 */
    for (i = 0; i < 3; i++) {
        stl_le_p(&id->rsvd12[4 * i], params->reset_limits[i + 1]);
        stl_le_p(&id->rsvd12[4 * (i + 3)], params->finish_limits[i + 1]);
    }
}

static unsigned traits_of(NvmeNamespace *ns)
{
    return (ns->params.variable_capacity ? ZONE_TRAIT_VARIABLE_CAPACITY : 0) |
           (ns->params.excursions ? ZONE_TRAIT_EXCURSIONS : 0);
}

static void init_identify(NvmeNamespace *ns, const ZoneGeometry *geo)
{
    NvmeIdNsZoned *id = g_new0(NvmeIdNsZoned, 1);
    uint16_t ozcs = ns->params.cross_zone_read ? NVME_ID_NS_ZONED_OZCS_RAZB : 0;
    int i;

    init_characteristics(ns, id);
    /* Zeroes-based: "no limit" becomes FFFFFFFFh, as it has to be */
    id->mar = cpu_to_le32(geo->max_active_zones - 1);
    id->mor = cpu_to_le32((geo->max_open_zones ?: geo->max_active_zones) - 1);

    for (i = 0; i <= ns->id_ns.nlbaf; i++) {
        /* In blocks of that format */
        id->lbafe[i].zsze = cpu_to_le64(geo->zone_bytes >>
                                        ns->id_ns.lbaf[i].ds);
        id->lbafe[i].zdes = geo->zd_extension_bytes / NVME_ZNS_ZDES_UNIT;
    }

    if (geo->zrwa_bytes) {
        ozcs |= NVME_ID_NS_ZONED_OZCS_ZRWASUP;
        id->zrwacap = NVME_ID_NS_ZONED_ZRWACAP_EXPFLUSHSUP;
        /* Zeroes-based; without a limit of their own, as many as are active */
        id->numzrwa = cpu_to_le32((geo->max_zrwa_zones ?:
                                   geo->max_active_zones ?:
                                   geo->nr_zones) - 1);
        id->zrwas = cpu_to_le16(nvme_zns_b2l(ns, geo->zrwa_bytes));
        id->zrwafg =
            cpu_to_le16(nvme_zns_b2l(ns, geo->zrwa_granularity_bytes));
    }

    id->ozcs = cpu_to_le16(ozcs);
    ns->id_ns_zoned = id;

    if (nvme_zns_write_protected(ns)) {
        ns->id_ns.nsattr |= NVME_ID_NS_NSATTR_WP;
        ns->id_ns_ind.nsattr |= NVME_ID_NS_NSATTR_WP;
    }
}

bool nvme_zns_setup(NvmeNamespace *ns, Error **errp)
{
    BlockBackend *blk = ns->blkconf.blk;
    bool has_zones = blk_get_zone_model(blk) != BLK_Z_NONE;

    if (!has_zones && !ns->params.zoned) {
        return true;
    }
    if (ns->endgrp && ns->endgrp->fdp.enabled) {
        error_setg(errp, "a zoned namespace cannot be in an endurance group "
                   "with Flexible Data Placement");
        return false;
    }
    if (ns->ctrl) {
        ns->zone_auto_close = ns->ctrl->params.auto_transition_zones;
    }

    if (has_zones) {
        if (!check_image(ns, blk_get_zone_geometry(blk), errp) ||
            !init_image_zrwa(ns, errp)) {
            return false;
        }
        blk_set_zone_auto_close(blk, ns->zone_auto_close);
    } else if (!insert_volatile_zones(ns, errp)) {
        return false;
    }

    ns->params.zoned = true;
    init_geometry(ns, blk_get_zone_geometry(blk));
    nvme_zns_init_format(ns);
    init_identify(ns, blk_get_zone_geometry(blk));
    ns->zones = blk_ref_zones(blk);
    nvme_zns_watch(ns);
    blk_set_zone_traits(blk, traits_of(ns));
    nvme_zns_excursions_init(ns);
    return true;
}

void nvme_zns_cleanup(NvmeNamespace *ns)
{
    nvme_zns_excursions_cleanup(ns);
    blk_set_zone_traits(ns->blkconf.blk, 0);
    nvme_zns_unwatch(ns);
    /* Unplugging is a loss of power, also when the backend lives on */
    if (blk_zone_power_cycle(ns->blkconf.blk) >= 0 && ns->params.zrwas) {
        blk_set_zone_zrwa(ns->blkconf.blk, 0, 0, 0);
    }
    zone_io_unref(ns->zones);
    ns->zones = NULL;
    g_free(ns->id_ns_zoned);
    ns->id_ns_zoned = NULL;
}

/*
 * Polling runs the bottom halves of queues: one that has been cancelled must
 * not start commands that outlive it.
 */
static void stop_fetching(NvmeCtrl *n)
{
    uint32_t i;

    n->dbbuf_enabled = false; /* a pending one would read the tail again */
    for (i = 0; i < n->params.max_ioqpairs + 1; i++) {
        if (n->sq[i]) {
            n->sq[i]->tail = n->sq[i]->head;
        }
    }
}

void nvme_zns_begin_reset(NvmeCtrl *n)
{
    uint32_t csts = ldl_le_p(&n->bar.csts);

    stop_fetching(n);
    n->outstanding_aers = 0;
    if (NVME_CSTS_RDY(csts)) {
        n->zns_left_open = !NVME_CC_SHN(ldl_le_p(&n->bar.cc)) &&
                           NVME_CSTS_SHST(csts) !=
                           NVME_CSTS_SHST(NVME_CSTS_SHST_COMPLETE);
    }
}

static bool ctrl_has_shut_down(NvmeCtrl *n)
{
    uint32_t cc = ldl_le_p(&n->bar.cc);

    return NVME_CC_EN(cc) ? NVME_CC_SHN(cc) : !n->zns_left_open;
}

void nvme_zns_shutdown(NvmeNamespace *ns)
{
    uint32_t nsid = nvme_nsid(ns);
    uint32_t cntlid;

    for (cntlid = 0; ns->subsys && cntlid < NVME_MAX_CONTROLLERS; cntlid++) {
        NvmeCtrl *n = nvme_subsys_ctrl(ns->subsys, cntlid);

        if (n && nvme_ns(n, nsid) == ns && !ctrl_has_shut_down(n)) {
            return;
        }
    }

    blk_zone_power_cycle(ns->blkconf.blk);
}

void nvme_zns_ctrl_exit(NvmeCtrl *n)
{
    uint32_t nsid;

    nvme_zns_free_logs(n);
    for (nsid = 1; nsid <= NVME_MAX_NAMESPACES; nsid++) {
        NvmeNamespace *ns = nvme_ns(n, nsid);

        if (ns && ns->params.zoned) {
            nvme_zns_shutdown(ns);
        }
    }

    /* The base does not clean up after the drive property of a controller */
    if (n->namespace.params.zoned) {
        nvme_zns_cleanup(&n->namespace);
    }
}

/* Identify Controller *****************************************************/

/* As revision 1.4 has it; what comes after ZASL was reserved before */
typedef struct QEMU_PACKED NvmeZnsIdCtrl {
    uint8_t  zasl;
    uint8_t  rsvd1[3];
    uint32_t zctratt;
    uint32_t tar;
    uint32_t uar;
    uint32_t tor;
    uint32_t uor;
    uint32_t tzrwar;
    uint32_t uzrwar;
    uint32_t ver;
    uint8_t  rsvd36[4060];
} NvmeZnsIdCtrl;

QEMU_BUILD_BUG_ON(sizeof(NvmeZnsIdCtrl) != 4096);

uint64_t nvme_zns_page_bytes(NvmeCtrl *n)
{
    uint64_t cap = ldq_le_p(&n->bar.cap);

    return (uint64_t)NVME_ZNS_PAGE_SIZE << NVME_CAP_MPSMIN(cap);
}

/* Without a limit of its own, 0 says "as MDTS" */
uint8_t nvme_zns_zasl(NvmeCtrl *n)
{
    uint8_t zasl = n->params.zasl ?: n->params.mdts;
    uint32_t nsid;

    for (nsid = 1; nsid <= NVME_MAX_NAMESPACES; nsid++) {
        NvmeNamespace *ns = nvme_ns(n, nsid);
        uint32_t limit_bytes = ns && ns->params.zoned
                               ? blk_get_max_append_bytes(ns->blkconf.blk) : 0;

        if (limit_bytes) {
            zasl = MIN(zasl, 31 - clz32(limit_bytes / NVME_ZNS_PAGE_SIZE));
        }
    }
    return zasl == n->params.mdts ? n->params.zasl : zasl;
}

/* One that has no limit makes the sum one without */
static uint32_t add_resources(uint32_t total, uint32_t limit)
{
    return limit && total < UINT32_MAX - limit ? total + limit : UINT32_MAX;
}

/*
 * Resources belong to namespaces, and each has its own: the totals are sums,
 * and nothing is left unallocated.
 */
void nvme_zns_identify_ctrl(NvmeCtrl *n, void *data)
{
    uint32_t active = 0, open = 0, zrwa = 0, nsid;
    NvmeZnsIdCtrl *id = data;

    for (nsid = 1; nsid <= NVME_MAX_NAMESPACES; nsid++) {
        NvmeNamespace *ns = nvme_ns(n, nsid);
        ZoneGeometry geo;

        if (!ns || !ns->params.zoned ||
            blk_get_zone_model(ns->blkconf.blk) == BLK_Z_NONE) {
            continue;
        }
        geo = *blk_get_zone_geometry(ns->blkconf.blk);
        active = add_resources(active, geo.max_active_zones);
        open = add_resources(open, geo.max_open_zones ?: geo.max_active_zones);
        if (geo.zrwa_bytes) {
            zrwa = add_resources(zrwa, geo.max_zrwa_zones ?:
                                 geo.max_active_zones ?: geo.nr_zones);
        }
    }
    id->zasl = nvme_zns_zasl(n);
    id->tar = cpu_to_le32(active);
    id->tor = cpu_to_le32(open);
    id->tzrwar = cpu_to_le32(zrwa);
    id->ver = cpu_to_le32(NVME_ZNS_VERSION);
}
