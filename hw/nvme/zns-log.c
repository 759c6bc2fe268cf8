/*
 * NVMe Zoned Namespace Command Set: changed zones, their event and their log
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the drive itself does to a zone is news to the host: every controller
 * that has the namespace attached lists the zone in a log of its own, and
 * sends a Zone Descriptor Changed event where the host asked for it.
 *
 * A log sends one event, and the next one only after it has been read.  Events
 * wait in the logs, not in the queue that the other events share: whatever
 * clears a notice empties that queue.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "system/block-backend.h"
#include "zns.h"
#include "trace.h"

#define NVME_AER_INFO_NOTICE_ZONE_CHANGED   0xef
/* The same bit in OAES and in Asynchronous Event Configuration */
#define NVME_EVENT_ZONE_CHANGED             (1u << 27)

#define NVME_CHANGED_ZONES_MAX              511
#define NVME_CHANGED_ZONES_OVERFLOW         0xffff

/* The log page as the host reads it */
typedef struct QEMU_PACKED NvmeChangedZonesPage {
    uint16_t nr_zones;
    uint8_t  rsvd2[6];
    uint64_t zslba[NVME_CHANGED_ZONES_MAX];
} NvmeChangedZonesPage;

QEMU_BUILD_BUG_ON(sizeof(NvmeChangedZonesPage) != 4096);

/* One namespace, as one controller sees it */
struct NvmeZnsLog {
    QLIST_ENTRY(NvmeZnsLog) entry;
    uint32_t nsid;
    uint32_t nr_zones;
    bool overflow;              /* the list says nothing then */
    bool pending;               /* there is an event to be sent */
    bool reported;              /* one was sent, and the log not read since */
    uint32_t zone_idx[NVME_CHANGED_ZONES_MAX];
};

static NvmeZnsLog *find_log(NvmeCtrl *n, uint32_t nsid)
{
    NvmeZnsLog *log;

    QLIST_FOREACH(log, &n->zns_logs, entry) {
        if (log->nsid == nsid) {
            return log;
        }
    }

    return NULL;
}

static NvmeZnsLog *get_log(NvmeCtrl *n, uint32_t nsid)
{
    NvmeZnsLog *log = find_log(n, nsid);

    if (!log) {
        log = g_new0(NvmeZnsLog, 1);
        log->nsid = nsid;
        QLIST_INSERT_HEAD(&n->zns_logs, log, entry);
    }

    return log;
}

static void log_add(NvmeZnsLog *log, uint32_t zone_idx)
{
    uint32_t i;

    for (i = 0; i < log->nr_zones; i++) {
        if (log->zone_idx[i] == zone_idx) {
            return;
        }
    }

    if (log->nr_zones == NVME_CHANGED_ZONES_MAX) {
        log->overflow = true;
    } else {
        log->zone_idx[log->nr_zones++] = zone_idx;
    }
}

static void log_clear(NvmeZnsLog *log)
{
    log->nr_zones = 0;
    log->overflow = false;
    log->pending = false;
    log->reported = false;
}

static void log_encode(const NvmeZnsLog *log, uint64_t zone_blocks,
                       NvmeChangedZonesPage *page)
{
    uint32_t i;

    if (log->overflow) {
        page->nr_zones = cpu_to_le16(NVME_CHANGED_ZONES_OVERFLOW);
        return;
    }

    page->nr_zones = cpu_to_le16(log->nr_zones);
    for (i = 0; i < log->nr_zones; i++) {
        page->zslba[i] = cpu_to_le64(log->zone_idx[i] * zone_blocks);
    }
}

/* The events */

static void send_event(NvmeCtrl *n, NvmeZnsLog *log)
{
    NvmeRequest *req = n->aer_reqs[--n->outstanding_aers];
    NvmeAerResult *result = (NvmeAerResult *)&req->cqe.result;

    result->event_type = NVME_AER_TYPE_NOTICE;
    result->event_info = NVME_AER_INFO_NOTICE_ZONE_CHANGED;
    result->log_page = NVME_LOG_CHANGED_ZONES;
    req->cqe.dw1 = cpu_to_le32(log->nsid);

    log->pending = false;
    log->reported = true;
    n->aer_mask |= 1 << NVME_AER_TYPE_NOTICE;

    trace_pci_nvme_aer_post_cqe(result->event_type, result->event_info,
                                result->log_page);
    nvme_enqueue_req_completion(&n->admin_cq, req);
}

void nvme_zns_send_events(NvmeCtrl *n)
{
    NvmeZnsLog *log;

    QLIST_FOREACH(log, &n->zns_logs, entry) {
        if (!n->outstanding_aers ||
            n->aer_mask & (1 << NVME_AER_TYPE_NOTICE)) {
            return;
        }
        if (log->pending &&
            n->features.async_config & NVME_EVENT_ZONE_CHANGED) {
            send_event(n, log);
        }
    }
}

void nvme_zns_repeat_events(NvmeCtrl *n)
{
    NvmeZnsLog *log;

    n->features.async_config &= ~NVME_EVENT_ZONE_CHANGED;
    QLIST_FOREACH(log, &n->zns_logs, entry) {
        log->pending |= log->reported;
        log->reported = false;
    }
}

/* The host has seen the last notice: the next one may come, of any kind */
static void allow_notices(NvmeCtrl *n)
{
    n->aer_mask &= ~(1 << NVME_AER_TYPE_NOTICE);
    nvme_process_aers(n);
    nvme_zns_send_events(n);
}

static void ctrl_zone_changed(NvmeCtrl *n, uint32_t nsid, uint32_t zone_idx)
{
    NvmeZnsLog *log = get_log(n, nsid);

    log_add(log, zone_idx);
    if (!log->reported && n->features.async_config & NVME_EVENT_ZONE_CHANGED) {
        log->pending = true;
        nvme_zns_send_events(n);
    }
}

static void zone_changed(Notifier *notifier, void *opaque)
{
    NvmeNamespace *ns = container_of(notifier, NvmeNamespace, zone_change);
    NvmeSubsystem *subsys = ns->subsys ?: ns->ctrl->subsys;
    const uint32_t *zone_idx = opaque;
    uint32_t nsid = nvme_nsid(ns);
    uint32_t cntlid;

    nvme_zns_excursions_zone_changed(ns, *zone_idx);
    for (cntlid = 0; cntlid < NVME_MAX_CONTROLLERS; cntlid++) {
        NvmeCtrl *n = nvme_subsys_ctrl(subsys, cntlid);

        if (n && nvme_ns(n, nsid) == ns) {
            ctrl_zone_changed(n, nsid, *zone_idx);
        }
    }
}

void nvme_zns_watch(NvmeNamespace *ns)
{
    ns->zone_change.notify = zone_changed;
    blk_add_zone_change_notifier(ns->blkconf.blk, &ns->zone_change);
}

void nvme_zns_unwatch(NvmeNamespace *ns)
{
    blk_remove_zone_change_notifier(&ns->zone_change);
}

void nvme_zns_attached(NvmeCtrl *n, NvmeNamespace *ns)
{
    n->zns_zasl = nvme_zns_zasl(n);
    if (ns->params.zoned) {
        n->id_ctrl.oaes |= cpu_to_le32(NVME_EVENT_ZONE_CHANGED);
    }
}

/* The log cannot be read any more, so no notice may wait for that */
void nvme_zns_detached(NvmeCtrl *n, NvmeNamespace *ns)
{
    NvmeZnsLog *log = find_log(n, nvme_nsid(ns));
    bool reported;

    n->zns_zasl = nvme_zns_zasl(n);
    if (!log) {
        return;
    }

    reported = log->reported;
    QLIST_REMOVE(log, entry);
    g_free(log);
    if (reported) {
        allow_notices(n);
    }
}

void nvme_zns_free_logs(NvmeCtrl *n)
{
    NvmeZnsLog *log, *next;

    QLIST_FOREACH_SAFE(log, &n->zns_logs, entry, next) {
        QLIST_REMOVE(log, entry);
        g_free(log);
    }
}

/* The log page */

uint16_t nvme_zns_changed_zones(NvmeCtrl *n, bool retain, size_t len,
                                uint64_t off, NvmeRequest *req)
{
    uint32_t nsid = le32_to_cpu(req->cmd.nsid);
    NvmeNamespace *ns = nvme_ns(n, nsid);
    g_autofree NvmeChangedZonesPage *page = NULL;
    NvmeZnsLog *log;
    uint16_t status;

    if (!nsid || nsid > NVME_MAX_NAMESPACES) {
        return NVME_INVALID_NSID | NVME_DNR;
    }
    if (!ns) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (!ns->params.zoned) {
        return NVME_INVALID_LOG_ID | NVME_DNR;
    }
    if (off >= sizeof(*page)) {
        trace_pci_nvme_err_invalid_log_page_offset(off, sizeof(*page));
        return NVME_INVALID_FIELD | NVME_DNR;
    }

    page = g_new0(NvmeChangedZonesPage, 1);
    log = find_log(n, nsid);
    if (log) {
        log_encode(log, ns->zone_size, page);
    }

    status = nvme_c2h(n, (uint8_t *)page + off,
                      MIN(sizeof(*page) - off, len), req);
    if (!status && log && !retain) {
        bool reported = log->reported;

        log_clear(log);
        if (reported) {
            allow_notices(n);
        }
    }

    return status;
}
