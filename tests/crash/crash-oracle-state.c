/*
 * What a crash may make of states, attributes and extensions of zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A zone has one management action at a time, so the actions on it have an
 * order.  What they leave is found by going through them: those that had ended
 * by the crash count, the one that was under way may.
 */

#include "qemu/osdep.h"
#include "crash-oracle-internal.h"

/* Does an action show after the crash? */
typedef enum CrashEffect {
    CRASH_EFFECT_NONE,
    CRASH_EFFECT_MAYBE,
    CRASH_EFFECT_SURE,
} CrashEffect;

/*
 * The lives of op are in or before that of the check.  An action that has
 * failed may be on disk until the next commit, which stores what the table has.
 */
static CrashEffect crash_op_effect(const CrashCheck *check, const CrashOp *op)
{
    if (op->refused || op->submitted > check->time ||
        op->life_min > check->life) {
        return CRASH_EFFECT_NONE;
    }
    if (op->failed) {
        return op->acked <= check->fence ? CRASH_EFFECT_NONE :
                                           CRASH_EFFECT_MAYBE;
    }
    return op->acked > check->time || op->life_max > check->life ?
           CRASH_EFFECT_MAYBE : CRASH_EFFECT_SURE;
}

/* The same, for what ends with the life of the zone */
static CrashEffect crash_op_effect_in_life(const CrashCheck *check,
                                           const CrashOp *op)
{
    CrashEffect effect = crash_op_effect(check, op);

    if (!crash_op_in_life(op, check->life)) {
        return CRASH_EFFECT_NONE;
    }
    if (effect == CRASH_EFFECT_SURE &&
        !crash_op_surely_in_life(op, check->life)) {
        return CRASH_EFFECT_MAYBE;
    }
    return effect;
}

static bool crash_zone_is(const CrashCheck *check, ZoneState state)
{
    return check->zone->info.state == state;
}

/* Was the zone surely neither Empty nor just opened when the action began? */
static bool crash_surely_used(const CrashCheck *check, const CrashOp *action)
{
    const CrashZone *found =
        check->oracle->found[check->zone->info.zone_idx];
    guint i;

    if (found && found->info.state != ZONE_STATE_EMPTY &&
        action->life_max == 0) {
        return true;
    }
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if ((op->kind == CRASH_OP_WRITE || op->kind == CRASH_OP_SET_ZDE) &&
            crash_op_succeeded(op) && op->acked < action->submitted &&
            action->life_min == action->life_max &&
            crash_op_surely_in_life(op, action->life_min)) {
            return true;
        }
    }
    return false;
}

/* Finish *****************************************************************/

/* May the zone have become Full by being written, before the action ended? */
static bool crash_maybe_filled(const CrashCheck *check, const CrashOp *action)
{
    const ZoneInfo *info = &check->zone->info;
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind == CRASH_OP_WRITE && !op->refused &&
            op->submitted < action->acked &&
            crash_op_in_life(op, check->life) &&
            op->offset_bytes + op->length_bytes ==
            info->start_bytes + check->oracle->geometry->capacity_bytes) {
            return true;
        }
    }
    return false;
}

/*
 * Finish of Select All passes zones by that are Empty, and those that are Full:
 * if they became so by writes that nobody has flushed, nobody has to find that.
 */
static bool crash_finish_certain(const CrashCheck *check,
                                 const CrashOp *finish)
{
    return !finish->select_all || (!crash_maybe_filled(check, finish) &&
                                   crash_surely_used(check, finish));
}

static bool crash_zone_filled(const CrashCheck *check)
{
    return crash_zone_written(check->zone) ==
           check->oracle->geometry->capacity_bytes;
}

static char *crash_check_finish(const CrashCheck *check)
{
    bool was_full = crash_was_found(check, ZONE_STATE_FULL);
    bool possible = crash_zone_filled(check) || was_full;
    char *fault = NULL;
    guint i;

    if (was_full && !crash_zone_is(check, ZONE_STATE_FULL) &&
        !crash_zone_is(check, ZONE_STATE_READ_ONLY)) {
        return crash_fault(check, "C4: the zone was Full after the crash "
                           "before");
    }
    for (i = 0; i < check->ops->len && !fault; i++) {
        const CrashOp *op = crash_op(check->ops, i);
        CrashEffect effect = crash_op_effect_in_life(check, op);

        if (op->kind != CRASH_OP_FINISH || effect == CRASH_EFFECT_NONE) {
            continue;
        }
        possible = true;
        if (effect == CRASH_EFFECT_MAYBE || !crash_finish_certain(check, op)) {
            continue;
        }
        if (!crash_zone_is(check, ZONE_STATE_FULL) &&
            !crash_zone_is(check, ZONE_STATE_READ_ONLY)) {
            return crash_fault(check, "C4: operation %u has finished the zone, "
                               "which is not Full", op->id);
        }
        fault = crash_check_writes(check, op->submitted, "C4");
    }
    if (!fault && crash_zone_is(check, ZONE_STATE_FULL) && !possible) {
        fault = crash_fault(check, "C4: nobody has finished the zone");
    }
    return fault;
}

/* Read Only and Offline **************************************************/

/*
 * The strongest effect of those actions, which lead to the state; *since: when
 * the first began
 */
static CrashEffect crash_faulted(const CrashCheck *check, ZoneState state,
                                 CrashOpKind kind, CrashOpKind other_kind,
                                 uint64_t *since)
{
    CrashEffect strongest = CRASH_EFFECT_NONE;
    guint i;

    *since = CRASH_NEVER;
    if (crash_was_found(check, state)) {
        *since = 0;
        strongest = CRASH_EFFECT_SURE;
    }
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);
        CrashEffect effect;

        if (op->kind != kind && op->kind != other_kind) {
            continue;
        }
        effect = crash_op_effect_in_life(check, op);
        if (effect != CRASH_EFFECT_NONE) {
            *since = MIN(*since, op->submitted);
        }
        /* no Reset leads back: any life before would end with it */
        if (crash_op_succeeded(op) && op->acked <= check->time) {
            effect = CRASH_EFFECT_SURE;
        }
        strongest = MAX(strongest, effect);
    }
    return strongest;
}

static char *crash_check_offline(const CrashCheck *check)
{
    uint64_t since;
    CrashEffect effect = crash_faulted(check, ZONE_STATE_OFFLINE,
                                       CRASH_OP_OFFLINE,
                                       CRASH_OP_FAULT_OFFLINE, &since);

    if (!crash_zone_is(check, ZONE_STATE_OFFLINE)) {
        return effect == CRASH_EFFECT_SURE ?
               crash_fault(check, "C4: the zone went Offline") : NULL;
    }
    if (effect == CRASH_EFFECT_NONE) {
        return crash_fault(check, "C4: nobody has made the zone Offline");
    }
    if (check->zone->info.attributes) {
        return crash_fault(check, "C4: attributes of an Offline zone");
    }
    return NULL;
}

/*
 * The word of a Read Only zone covers all that was written before.  Nothing
 * else will ever, so that has to be found whether it was flushed or not.
 */
static char *crash_check_read_only(const CrashCheck *check)
{
    uint64_t since;
    CrashEffect effect = crash_faulted(check, ZONE_STATE_READ_ONLY,
                                       CRASH_OP_READ_ONLY, CRASH_OP_READ_ONLY,
                                       &since);

    if (!crash_zone_is(check, ZONE_STATE_READ_ONLY)) {
        return effect == CRASH_EFFECT_SURE ?
               crash_fault(check, "C4: the zone became Read Only") : NULL;
    }
    if (effect == CRASH_EFFECT_NONE) {
        return crash_fault(check, "C4: nobody has made the zone Read Only");
    }
    return crash_check_writes(check, since, "C4");
}

/* Attributes *************************************************************/

/* What the attribute may be: a set of these */
#define CRASH_MAY_BE_CLEAR  1u
#define CRASH_MAY_BE_SET    2u

/* May the zone have been Read Only before the action began? */
static bool crash_maybe_read_only(const CrashCheck *check,
                                  const CrashOp *action)
{
    bool maybe = crash_was_found(check, ZONE_STATE_READ_ONLY);
    guint i;

    for (i = 0; i < check->ops->len && !maybe; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        maybe = op->kind == CRASH_OP_READ_ONLY && op->id < action->id &&
                !op->refused;
    }
    return maybe;
}

/*
 * What op makes of the attribute, when it shows; 0: nothing.  Select All passes
 * Empty zones by, whatever attributes they have, and Finish Full ones.
 */
static unsigned crash_attribute_after(const CrashCheck *check,
                                      const CrashOp *op, uint8_t attribute,
                                      CrashEffect *effect)
{
    switch (op->kind) {
    case CRASH_OP_ATTRIBUTES:
        return op->set & attribute ? CRASH_MAY_BE_SET :
               op->clear & attribute ? CRASH_MAY_BE_CLEAR : 0;
    case CRASH_OP_RESET:
        if (op->life_max >= check->life) {
            return 0;
        }
        if (op->select_all && !crash_surely_used(check, op)) {
            *effect = MIN(*effect, CRASH_EFFECT_MAYBE);
        } else if (crash_op_succeeded(op)) {
            *effect = CRASH_EFFECT_SURE; /* the life of the check is later */
        }
        return CRASH_MAY_BE_CLEAR;
    case CRASH_OP_FINISH:
        if (!crash_finish_certain(check, op)) {
            *effect = MIN(*effect, CRASH_EFFECT_MAYBE);
        }
        return attribute == ZONE_ATTR_FZR ? CRASH_MAY_BE_CLEAR : 0;
    case CRASH_OP_READ_ONLY:
        if (crash_maybe_read_only(check, op)) {
            *effect = MIN(*effect, CRASH_EFFECT_MAYBE);
        }
        return CRASH_MAY_BE_CLEAR;
    default:
        return 0;
    }
}

static char *crash_check_attribute(const CrashCheck *check, uint8_t attribute,
                                   const char *name)
{
    const CrashZone *found =
        check->oracle->found[check->zone->info.zone_idx];
    bool set = check->zone->info.attributes & attribute;
    unsigned values = CRASH_MAY_BE_CLEAR;
    guint i;

    if (found && (found->info.attributes & attribute)) {
        values = CRASH_MAY_BE_SET;
    }
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);
        CrashEffect effect = crash_op_effect(check, op);
        unsigned after = crash_attribute_after(check, op, attribute, &effect);

        if (after && effect != CRASH_EFFECT_NONE) {
            values = effect == CRASH_EFFECT_SURE ? after : values | after;
        }
    }
    if (attribute == ZONE_ATTR_FZR && crash_zone_is(check, ZONE_STATE_FULL)) {
        values = CRASH_MAY_BE_CLEAR; /* nothing is left to finish */
    }
    if (attribute == ZONE_ATTR_FZR && crash_zone_is(check, ZONE_STATE_EMPTY)) {
        values |= CRASH_MAY_BE_CLEAR; /* it may have been open, not written */
    }
    if (!(values & (set ? CRASH_MAY_BE_SET : CRASH_MAY_BE_CLEAR))) {
        return crash_fault(check, "C4: attribute %s is %s", name,
                           set ? "set" : "clear");
    }
    return NULL;
}

/* The word with the attributes also covers what was written before */
static char *crash_check_attributes(const CrashCheck *check)
{
    char *fault = crash_check_attribute(check, ZONE_ATTR_FZR, "FZR");
    guint i;

    if (!fault) {
        fault = crash_check_attribute(check, ZONE_ATTR_RZR, "RZR");
    }
    for (i = 0; i < check->ops->len && !fault; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind == CRASH_OP_ATTRIBUTES &&
            crash_op_effect_in_life(check, op) == CRASH_EFFECT_SURE) {
            fault = crash_check_writes(check, op->submitted, "C4");
        }
    }
    return fault;
}

/* Extensions *************************************************************/

static char *crash_check_zde(const CrashCheck *check)
{
    uint32_t zde_bytes = check->oracle->geometry->zd_extension_bytes;
    bool valid = check->zone->info.attributes & ZONE_ATTR_ZDEV;
    const CrashZone *before = crash_zone_found(check);
    g_autofree uint8_t *expected = g_malloc(MAX(zde_bytes, 1));
    bool found = false;
    guint i;

    if (before && (before->info.attributes & ZONE_ATTR_ZDEV)) {
        return valid && !memcmp(before->zde, check->zone->zde, zde_bytes) ?
               NULL : crash_fault(check, "C4: the descriptor extension is not "
                                  "that after the crash before");
    }
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);
        CrashEffect effect = crash_op_effect_in_life(check, op);

        if (op->kind != CRASH_OP_SET_ZDE || effect == CRASH_EFFECT_NONE) {
            continue;
        }
        crash_stamp(op->id, 0, expected, zde_bytes);
        found |= valid && !memcmp(expected, check->zone->zde, zde_bytes);
        if (!valid && effect == CRASH_EFFECT_SURE) {
            return crash_fault(check, "C4: operation %u has set the descriptor "
                               "extension, which is gone", op->id);
        }
    }
    if (valid && !found) {
        return crash_fault(check, "C4: nobody has set this descriptor "
                           "extension");
    }
    return NULL;
}

/* All of it **************************************************************/

/* What a power cycle leaves of the states that are derived */
static char *crash_check_power_cycled(const CrashCheck *check)
{
    const ZoneInfo *info = &check->zone->info;
    ZoneState expected = ZONE_STATE_CLOSED;

    if (info->attributes & ~ZONE_ATTR_STORED) {
        return crash_fault(check, "C6: attributes that a power cycle clears");
    }
    if (info->state == ZONE_STATE_FULL || info->state == ZONE_STATE_OFFLINE ||
        info->state == ZONE_STATE_READ_ONLY) {
        return NULL;
    }
    if (crash_zone_filled(check)) {
        expected = ZONE_STATE_FULL;
    } else if (!crash_zone_written(check->zone) &&
               !(info->attributes & ZONE_ATTR_ZDEV)) {
        expected = ZONE_STATE_EMPTY;
    }
    if (info->state != expected) {
        return crash_fault(check, "C6: the zone should be %s",
                           zone_state_str(expected));
    }
    return NULL;
}

char *crash_check_state(const CrashCheck *check)
{
    char *fault = crash_check_power_cycled(check);

    if (!fault) {
        fault = crash_check_offline(check);
    }
    if (fault || crash_zone_is(check, ZONE_STATE_OFFLINE)) {
        return fault;
    }
    fault = crash_check_read_only(check);
    if (!fault) {
        fault = crash_check_finish(check);
    }
    if (!fault) {
        fault = crash_check_attributes(check);
    }
    return fault ? fault : crash_check_zde(check);
}
