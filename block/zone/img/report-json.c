/*
 * Zone reports of other tools: JSON of nvme-cli, and our own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nvme-cli has logical blocks, and does not say how long they are.  Ours has
 * bytes.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-types-zone.h"
#include "qobject/qbool.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qnum.h"
#include "qobject/qstring.h"
#include "qapi/util.h"
#include "block/zone/img/report.h"

/* What the members of a zone are called */
typedef struct JsonFormat {
    const char *list;
    const char *start;
    const char *capacity;
    const char *wp;
    const char *conventional;   /* a type */
    const char *sequential;
    const char *states[ZONE_STATE__MAX];
    uint64_t unit_bytes;
} JsonFormat;

static const JsonFormat formats[] = {
    {
        .list = "zone_list",
        .start = "slba",
        .capacity = "cap",
        .wp = "wp",
        .sequential = "SEQWRITE_REQ",
        .states = {
            [ZONE_STATE_EMPTY] = "EMPTY",
            [ZONE_STATE_IMPLICITLY_OPENED] = "IMP_OPENED",
            [ZONE_STATE_EXPLICITLY_OPENED] = "EXP_OPENED",
            [ZONE_STATE_CLOSED] = "CLOSED",
            [ZONE_STATE_READ_ONLY] = "READONLY",
            [ZONE_STATE_FULL] = "FULL",
            [ZONE_STATE_OFFLINE] = "OFFLINE",
        },
    }, {
        .list = "zones",
        .start = "start",
        .capacity = "capacity",
        .wp = "wp",
        .conventional = "conventional",
        .sequential = "sequential-write-required",
        .states = {
            [ZONE_STATE_CONVENTIONAL] = "conventional",
            [ZONE_STATE_EMPTY] = "empty",
            [ZONE_STATE_IMPLICITLY_OPENED] = "implicitly-opened",
            [ZONE_STATE_EXPLICITLY_OPENED] = "explicitly-opened",
            [ZONE_STATE_CLOSED] = "closed",
            [ZONE_STATE_READ_ONLY] = "read-only",
            [ZONE_STATE_FULL] = "full",
            [ZONE_STATE_OFFLINE] = "offline",
        },
        .unit_bytes = 1,
    },
};

typedef struct JsonZone {
    const QDict *dict;
    unsigned idx;
} JsonZone;

static bool take_number(const JsonZone *zone, const char *name,
                        uint64_t *value, Error **errp)
{
    QNum *num = qobject_to(QNum, qdict_get(zone->dict, name));

    if (!num || !qnum_get_try_uint(num, value)) {
        error_setg(errp, "Zone %u of the report has no number '%s'", zone->idx,
                   name);
        return false;
    }
    return true;
}

/* Absent: 0 */
static bool take_optional(const JsonZone *zone, const char *name,
                          uint8_t max, uint8_t *value, Error **errp)
{
    uint64_t number = 0;

    if (qdict_haskey(zone->dict, name) &&
        !take_number(zone, name, &number, errp)) {
        return false;
    }
    if (number > max) {
        error_setg(errp, "Zone %u of the report has '%s' %" PRIu64 ", the "
                   "maximum is %u", zone->idx, name, number, max);
        return false;
    }
    *value = number;
    return true;
}

/* Absent: false */
static bool take_flag(const JsonZone *zone, const char *name, bool *value,
                      Error **errp)
{
    QBool *flag = qobject_to(QBool, qdict_get(zone->dict, name));

    *value = flag && qbool_get_bool(flag);
    if (!flag && qdict_haskey(zone->dict, name)) {
        error_setg(errp, "Zone %u of the report has '%s', but not as a truth "
                   "value", zone->idx, name);
        return false;
    }
    return true;
}

static const char *take_string(const JsonZone *zone, const char *name,
                               Error **errp)
{
    const char *value = qdict_get_try_str(zone->dict, name);

    if (!value) {
        error_setg(errp, "Zone %u of the report has no string '%s'", zone->idx,
                   name);
    }
    return value;
}

static bool take_state(const JsonFormat *format, const JsonZone *zone,
                       ZoneState *state, Error **errp)
{
    const char *name = take_string(zone, "state", errp);

    if (!name) {
        return false;
    }
    for (*state = 0; *state < ZONE_STATE__MAX; (*state)++) {
        if (g_strcmp0(format->states[*state], name) == 0) {
            return true;
        }
    }
    error_setg(errp, "Zone %u of the report has unknown state '%s'", zone->idx,
               name);
    return false;
}

static bool check_type(const JsonFormat *format, const JsonZone *zone,
                       ZoneState state, Error **errp)
{
    const char *type = take_string(zone, "type", errp);
    const char *expected = state == ZONE_STATE_CONVENTIONAL
                           ? format->conventional : format->sequential;

    if (!type) {
        return false;
    }
    if (g_strcmp0(type, expected) != 0) {
        error_setg(errp, "Zone %u of the report has type '%s', but its state "
                   "goes with '%s'", zone->idx, type, expected);
        return false;
    }
    return true;
}

/* A number in one format, truth values in the other; absent is clear */
static bool take_attributes(const JsonZone *zone, uint8_t *attributes,
                            Error **errp)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } names[] = {
        { "finished-by-controller", ZONE_ATTR_ZFC },
        { "finish-recommended", ZONE_ATTR_FZR },
        { "reset-recommended", ZONE_ATTR_RZR },
        { "descriptor-extension-valid", ZONE_ATTR_ZDEV },
    };
    bool set;
    int i;

    if (!take_optional(zone, "attrs", UINT8_MAX, attributes, errp)) {
        return false;
    }
    for (i = 0; i < ARRAY_SIZE(names); i++) {
        if (!take_flag(zone, names[i].name, &set, errp)) {
            return false;
        }
        *attributes |= set ? names[i].bit : 0;
    }
    return true;
}

/* Of ours alone */
static bool take_limits(const JsonZone *zone, uint8_t *limits, Error **errp)
{
    uint8_t fzr, rzr;

    if (!take_optional(zone, "finish-limit", ZONE_LIMITS_OF_FZR, &fzr, errp) ||
        !take_optional(zone, "reset-limit",
                       ZONE_LIMITS_OF_RZR >> ZONE_LIMITS_RZR_SHIFT, &rzr,
                       errp)) {
        return false;
    }
    *limits = fzr | rzr << ZONE_LIMITS_RZR_SHIFT;
    return true;
}

static bool take_zone(const JsonFormat *format, const JsonZone *zone,
                      ZoneReportEntry *entry, Error **errp)
{
    *entry = (ZoneReportEntry) { };

    return take_attributes(zone, &entry->attributes, errp) &&
           take_limits(zone, &entry->limits, errp) &&
           take_state(format, zone, &entry->state, errp) &&
           check_type(format, zone, entry->state, errp) &&
           take_number(zone, format->start, &entry->start, errp) &&
           take_number(zone, format->capacity, &entry->capacity, errp) &&
           (!zone_state_has_wp(entry->state) ||
            take_number(zone, format->wp, &entry->wp, errp));
}

/* Long arrays **************************************************************/

/*
 * The parser of the base takes as many tokens as 46000 zones have: so zones are
 * parsed one by one, and all else without them.  What follows looks at quotes
 * and brackets only.
 */

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Behind the string at p; NULL: it does not end */
static const char *skip_string(const char *p)
{
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1]) {
            p++;
        }
    }
    return *p ? p + 1 : NULL;
}

/* What follows the value at p: a comma or a closing bracket; or NULL */
static const char *skip_value(const char *p)
{
    int depth = 0;

    while (p && *p && depth >= 0 && (depth || !strchr(",]}", *p))) {
        if (*p == '"') {
            p = skip_string(p);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    }
    return p && *p && !depth ? p : NULL;
}

/* The array that is called name in the object that text is; or NULL */
static const char *find_list(const char *text, const char *name)
{
    size_t n = strlen(name);
    const char *p = skip_space(text);

    if (*p != '{') {
        return NULL;
    }
    do {
        const char *key = skip_space(p + 1);
        const char *value = *key == '"' ? skip_string(key) : NULL;

        value = value ? skip_space(value) : "";
        if (*value != ':') {
            return NULL;
        }
        value = skip_space(value + 1);
        if (*value == '[' && !strncmp(key + 1, name, n) && key[n + 1] == '"') {
            return value;
        }
        p = skip_value(value);
    } while (p && *p == ',');
    return NULL;
}

/* The zone between p and end */
static bool take_item(ZoneReport *report, const JsonFormat *format,
                      const char *p, const char *end, Error **errp)
{
    ERRP_GUARD();
    g_autofree char *text = g_strndup(p, end - p);
    JsonZone zone = { .idx = report->zones->len };
    QObject *object = qobject_from_json(text, errp);
    ZoneReportEntry entry;
    bool done = false;

    zone.dict = qobject_to(QDict, object);
    if (!object) {
        error_prepend(errp, "Zone %u of the report is no valid JSON: ",
                      zone.idx);
    } else if (!zone.dict) {
        error_setg(errp, "Zone %u of the report is no object", zone.idx);
    } else {
        done = take_zone(format, &zone, &entry, errp);
    }
    if (done) {
        g_array_append_val(report->zones, entry);
    }
    qobject_unref(object);
    return done;
}

/* Those of the array at list; *end is behind it */
static bool take_zones(ZoneReport *report, const JsonFormat *format,
                       const char *list, const char **end, Error **errp)
{
    const char *p = skip_space(list + 1);
    const char *next;

    report->unit_bytes = format->unit_bytes;
    while (*p != ']') {
        next = skip_value(p);
        if (!next || *next == '}') {
            error_setg(errp, "The report is no valid JSON: the array '%s' does "
                       "not end", format->list);
            return false;
        }
        if (!take_item(report, format, p, next, errp)) {
            return false;
        }
        p = *next == ',' ? skip_space(next + 1) : next;
    }
    *end = p + 1;
    return true;
}

/* All but the array from list to end; NULL: there is none */
static bool check_rest(const char *text, const char *list, const char *end,
                       Error **errp)
{
    ERRP_GUARD();
    g_autofree char *head = list ? g_strndup(text, list - text) : NULL;
    g_autofree char *rest = list ? g_strconcat(head, "[]", end, NULL) : NULL;
    QObject *root = qobject_from_json(list ? rest : text, errp);

    if (!root) {
        error_prepend(errp, "The report is no valid JSON: ");
        return false;
    }
    qobject_unref(root);
    return true;
}

/* The first array that is there tells the format */
bool zone_report_parse_json(ZoneReport *report, const char *text,
                            Error **errp)
{
    const char *list, *end;
    int i;

    for (i = 0; i < ARRAY_SIZE(formats); i++) {
        list = find_list(text, formats[i].list);
        if (list) {
            return take_zones(report, &formats[i], list, &end, errp) &&
                   check_rest(text, list, end, errp);
        }
    }
    if (check_rest(text, NULL, NULL, errp)) {
        error_setg(errp, "The report is JSON without an array '%s' (of "
                   "nvme-cli) or '%s' (of qemu-img)", formats[0].list,
                   formats[1].list);
    }
    return false;
}
