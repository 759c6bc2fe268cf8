/*
 * COPIED flags that do not fit the refcounts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The base changes refcounts and flags of a snapshot's clusters one after the
 * other.  So a crash can leave a flag with a refcount above 1, or none with a
 * refcount of 1, and the check takes both for corruption.  Neither does harm
 * when exactly one table leads to the cluster: written in place or copied, no
 * other reads it, and at most it is leaked.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "block/block_int.h"
#include "block/qcow2.h"
#include "crash-copied.h"

typedef struct CrashCopied {
    BlockDriverState *bs;
    BDRVQcow2State *s;
    const uint8_t *data;        /* of the image file */
    uint64_t data_bytes;
    uint32_t *refs;             /* how many tables lead to a cluster */
    uint64_t nr_clusters;
    uint32_t nr_wrong;
    char *fault;
} CrashCopied;

typedef void CrashCopiedFunc(CrashCopied *copied, uint64_t entry,
                             uint64_t offset);

static void crash_copied_count(CrashCopied *copied, uint64_t entry,
                               uint64_t offset)
{
    uint64_t cluster = offset >> copied->s->cluster_bits;

    if (cluster < copied->nr_clusters) {
        copied->refs[cluster]++;
    }
}

static void crash_copied_compare(CrashCopied *copied, uint64_t entry,
                                 uint64_t offset)
{
    uint64_t cluster = offset >> copied->s->cluster_bits;
    uint64_t refcount = 0;
    int ret = qcow2_get_refcount(copied->bs, cluster, &refcount);

    if (ret < 0 || (refcount == 1) == !!(entry & QCOW_OFLAG_COPIED)) {
        return;
    }
    copied->nr_wrong++;
    if (!copied->fault && (cluster >= copied->nr_clusters ||
                           copied->refs[cluster] != 1)) {
        copied->fault = g_strdup_printf(
            "check of the image: entry 0x%" PRIx64 " of a cluster with "
            "refcount %" PRIu64 " and %u tables that lead to it", entry,
            refcount, cluster < copied->nr_clusters ?
            copied->refs[cluster] : 0);
    }
}

static void crash_copied_walk_l2(CrashCopied *copied, uint64_t l2_offset,
                                 CrashCopiedFunc *func)
{
    BDRVQcow2State *s = copied->s;
    uint64_t *l2_table = (uint64_t *)(copied->data + l2_offset);
    QCow2ClusterType type;
    uint64_t entry;
    int i;

    for (i = 0; i < s->l2_size; i++) {
        entry = get_l2_entry(s, l2_table, i);
        type = qcow2_get_cluster_type(copied->bs, entry);
        if (type == QCOW2_CLUSTER_NORMAL || type == QCOW2_CLUSTER_ZERO_ALLOC) {
            func(copied, entry, entry & L2E_OFFSET_MASK);
        }
    }
}

/* The table in the file: no node has changed anything */
static void crash_copied_walk(CrashCopied *copied, uint64_t l1_offset,
                              uint32_t l1_size, CrashCopiedFunc *func)
{
    uint64_t entry, l2_offset;
    uint32_t i;

    for (i = 0; i < l1_size; i++) {
        entry = ldq_be_p(copied->data + l1_offset + i * L1E_SIZE);
        l2_offset = entry & L1E_OFFSET_MASK;
        if (l2_offset && l2_offset + copied->s->cluster_size <=
                         copied->data_bytes) {
            func(copied, entry, l2_offset);
            crash_copied_walk_l2(copied, l2_offset, func);
        }
    }
}

char *crash_check_copied(BlockDriverState *bs, const uint8_t *data,
                         uint64_t data_bytes, uint32_t *nr)
{
    BDRVQcow2State *s = bs->opaque;
    CrashCopied copied = {
        .bs = bs,
        .s = s,
        .data = data,
        .data_bytes = data_bytes,
        .nr_clusters = data_bytes >> s->cluster_bits,
    };
    unsigned i;

    copied.refs = g_new0(uint32_t, copied.nr_clusters);
    crash_copied_walk(&copied, s->l1_table_offset, s->l1_size,
                      crash_copied_count);
    for (i = 0; i < s->nb_snapshots; i++) {
        crash_copied_walk(&copied, s->snapshots[i].l1_table_offset,
                          s->snapshots[i].l1_size, crash_copied_count);
    }
    crash_copied_walk(&copied, s->l1_table_offset, s->l1_size,
                      crash_copied_compare);
    g_free(copied.refs);
    *nr = copied.nr_wrong;
    return copied.fault;
}
