/*
 * qtest of zoned namespaces: what a host cannot do to a zone, through QMP
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "nvme-zns-drive.h"

static char *drive_id(const ZnsDrive *drive)
{
    return g_strdup_printf("zns%u", drive->nsid - 1);
}

void zns_set_state(ZnsDrive *drive, uint32_t zone_idx, const char *state)
{
    g_autofree char *id = drive_id(drive);

    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-set-state', 'arguments': "
        "{ 'node-name': %s, 'zone': %u, 'state': %s } }",
        id, zone_idx, state);
}

static void set_attributes(ZnsDrive *drive, uint32_t zone_idx,
                           bool finish_recommended, bool reset_recommended,
                           bool force)
{
    g_autofree char *id = drive_id(drive);

    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': %s, 'zone': %u, 'finish-recommended': %i, "
        "'reset-recommended': %i, 'force': %i } }",
        id, zone_idx, finish_recommended, reset_recommended, force);
}

void zns_set_attributes(ZnsDrive *drive, uint32_t zone_idx,
                        bool finish_recommended, bool reset_recommended)
{
    set_attributes(drive, zone_idx, finish_recommended, reset_recommended,
                   false);
}

void zns_force_attributes(ZnsDrive *drive, uint32_t zone_idx,
                          bool finish_recommended, bool reset_recommended)
{
    set_attributes(drive, zone_idx, finish_recommended, reset_recommended,
                   true);
}

void zns_recommend_finish(ZnsDrive *drive, uint32_t zone_idx, unsigned limit)
{
    g_autofree char *id = drive_id(drive);

    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': %s, 'zone': %u, 'finish-recommended': true, "
        "'finish-limit': %u } }", id, zone_idx, limit);
}

void zns_recommend_reset(ZnsDrive *drive, uint32_t zone_idx, unsigned limit)
{
    g_autofree char *id = drive_id(drive);

    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': %s, 'zone': %u, 'reset-recommended': true, "
        "'reset-limit': %u } }", id, zone_idx, limit);
}

void zns_set_capacity(ZnsDrive *drive, uint32_t zone_idx,
                      uint64_t capacity_bytes)
{
    g_autofree char *id = drive_id(drive);

    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-set-capacity', 'arguments': "
        "{ 'node-name': %s, 'zone': %u, 'capacity': %" PRIu64 " } }",
        id, zone_idx, capacity_bytes);
}

void zns_assert_refused(QDict *answer, const char *why)
{
    QDict *error = qdict_get_qdict(answer, "error");

    g_assert_nonnull(error);
    g_test_message("%s", qdict_get_str(error, "desc"));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), why));
    qobject_unref(answer);
}
