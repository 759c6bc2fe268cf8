/*
 * Zone table: the state machine, one const table
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

#define REFUSE(status_)   { .refusal = (status_) }
#define STAY(state_)      { .next = (state_) }
#define REFUSE_CONV       REFUSE(ZONE_ERR_CONVENTIONAL)
#define REFUSE_MOVE       REFUSE(ZONE_ERR_INVALID_TRANSITION)
#define REFUSE_ZRWA       REFUSE(ZONE_ERR_NO_ZRWA)

#define ATTR_ALL          0xff
#define ATTR_OF_CONTENT   (ZONE_ATTR_STORED | ZONE_ATTR_ZRWAV)

#define TO_FULL(open_, active_) {                                       \
        .next = ZONE_STATE_FULL, .open_delta = (open_),                 \
        .active_delta = (active_), .wp = ZONE_WP_COMMIT,                \
        .clear_attributes = ZONE_ATTR_OF_ACTIVE,                        \
    }
#define TO_FINISHED(open_, active_) {                                   \
        .next = ZONE_STATE_FULL, .open_delta = (open_),                 \
        .active_delta = (active_), .wp = ZONE_WP_COMMIT,                \
        .set_attributes = ZONE_ATTR_ZFC,                                \
        .clear_attributes = ZONE_ATTR_OF_ACTIVE,                        \
    }
#define TO_EMPTY(open_, active_) {                                      \
        .next = ZONE_STATE_EMPTY, .open_delta = (open_),                \
        .active_delta = (active_), .wp = ZONE_WP_START,                 \
        .clear_attributes = ATTR_OF_CONTENT,                            \
    }
#define TO_READ_ONLY(open_, active_) {                                  \
        .next = ZONE_STATE_READ_ONLY, .open_delta = (open_),            \
        .active_delta = (active_), .wp = ZONE_WP_COMMIT,                \
        .clear_attributes = ZONE_ATTR_OF_ACTIVE | ZONE_ATTR_RZR,        \
    }
#define TO_OFFLINE(open_, active_) {                                    \
        .next = ZONE_STATE_OFFLINE, .open_delta = (open_),              \
        .active_delta = (active_), .clear_attributes = ATTR_ALL,        \
    }
#define TO_OPENED(next_, open_, active_, set_) {                        \
        .next = (next_), .open_delta = (open_),                         \
        .active_delta = (active_), .set_attributes = (set_),            \
    }
#define TO_CLOSED(open_, active_, set_) {                               \
        .next = ZONE_STATE_CLOSED, .open_delta = (open_),               \
        .active_delta = (active_), .set_attributes = (set_),            \
    }
#define TO_WRITTEN(open_) {                                             \
        .next = ZONE_STATE_CLOSED, .open_delta = (open_),               \
        .wp = ZONE_WP_COMMIT, .clear_attributes = ZONE_ATTR_ZRWAV,      \
    }
#define TO_UNWRITTEN(open_, active_) {                                  \
        .next = ZONE_STATE_EMPTY, .open_delta = (open_),                \
        .active_delta = (active_),                                      \
        .clear_attributes = ZONE_ATTR_OF_ACTIVE,                        \
    }

/* The state machine, whole: resources, and what a drive has, add refusals */
const ZoneTransition zone_transitions[ZONE_STATE__MAX][ZONE_EVENT__MAX] = {
    /* Values that the standard gives to no state */
    [0x5 ... 0xc] = {
        [0 ... ZONE_EVENT__MAX - 1]  = REFUSE_MOVE,
    },
    [ZONE_STATE_CONVENTIONAL] = {
        [ZONE_EVENT_WRITE]           = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_OPEN]            = REFUSE_CONV,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_CONV,
        [ZONE_EVENT_CLOSE]           = REFUSE_CONV,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_CONV,
        [ZONE_EVENT_FINISH]          = REFUSE_CONV,
        [ZONE_EVENT_FILLED]          = REFUSE_CONV,
        [ZONE_EVENT_RESET]           = REFUSE_CONV,
        [ZONE_EVENT_OFFLINE]         = REFUSE_CONV,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_CONV,
        [ZONE_EVENT_SET_ZDE_ZRWA]    = REFUSE_CONV,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_EXCURSION]       = REFUSE_CONV,
        [ZONE_EVENT_FAULT_READ_ONLY] = REFUSE_CONV,
        [ZONE_EVENT_FAULT_OFFLINE]   = REFUSE_CONV,
    },
    [ZONE_STATE_EMPTY] = {
        [ZONE_EVENT_WRITE]           =
            TO_OPENED(ZONE_STATE_IMPLICITLY_OPENED, 1, 1, 0),
        [ZONE_EVENT_OPEN]            =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 1, 1, 0),
        [ZONE_EVENT_OPEN_ZRWA]       =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 1, 1, ZONE_ATTR_ZRWAV),
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = TO_FULL(0, 0),
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = TO_EMPTY(0, 0),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = TO_CLOSED(0, 1, ZONE_ATTR_ZDEV),
        [ZONE_EVENT_SET_ZDE_ZRWA]    =
            TO_CLOSED(0, 1, ZONE_ATTR_ZDEV | ZONE_ATTR_ZRWAV),
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_EMPTY),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_EMPTY),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_EMPTY),
        [ZONE_EVENT_EXCURSION]       = REFUSE_MOVE,
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(0, 0),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, 0),
    },
    [ZONE_STATE_IMPLICITLY_OPENED] = {
        [ZONE_EVENT_WRITE]           = STAY(ZONE_STATE_IMPLICITLY_OPENED),
        [ZONE_EVENT_OPEN]            =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 0, 0, 0),
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_ZRWA,
        [ZONE_EVENT_CLOSE]           = TO_CLOSED(-1, 0, 0),
        [ZONE_EVENT_AUTO_CLOSE]      = TO_CLOSED(-1, 0, 0),
        [ZONE_EVENT_FINISH]          = TO_FULL(-1, -1),
        [ZONE_EVENT_FILLED]          = TO_FULL(-1, -1),
        [ZONE_EVENT_RESET]           = TO_EMPTY(-1, -1),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE_ZRWA]    = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = TO_WRITTEN(-1),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = TO_UNWRITTEN(-1, -1),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = TO_FULL(-1, -1),
        [ZONE_EVENT_EXCURSION]       = TO_FINISHED(-1, -1),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(-1, -1),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(-1, -1),
    },
    [ZONE_STATE_EXPLICITLY_OPENED] = {
        [ZONE_EVENT_WRITE]           = STAY(ZONE_STATE_EXPLICITLY_OPENED),
        [ZONE_EVENT_OPEN]            = STAY(ZONE_STATE_EXPLICITLY_OPENED),
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_ZRWA,
        [ZONE_EVENT_CLOSE]           = TO_CLOSED(-1, 0, 0),
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = TO_FULL(-1, -1),
        [ZONE_EVENT_FILLED]          = TO_FULL(-1, -1),
        [ZONE_EVENT_RESET]           = TO_EMPTY(-1, -1),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE_ZRWA]    = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = TO_WRITTEN(-1),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = TO_UNWRITTEN(-1, -1),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = TO_FULL(-1, -1),
        [ZONE_EVENT_EXCURSION]       = TO_FINISHED(-1, -1),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(-1, -1),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(-1, -1),
    },
    [ZONE_STATE_CLOSED] = {
        [ZONE_EVENT_WRITE]           =
            TO_OPENED(ZONE_STATE_IMPLICITLY_OPENED, 1, 0, 0),
        [ZONE_EVENT_OPEN]            =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 1, 0, 0),
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_ZRWA,
        [ZONE_EVENT_CLOSE]           = STAY(ZONE_STATE_CLOSED),
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = TO_FULL(0, -1),
        [ZONE_EVENT_FILLED]          = TO_FULL(0, -1),
        [ZONE_EVENT_RESET]           = TO_EMPTY(0, -1),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE_ZRWA]    = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = TO_WRITTEN(0),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = TO_UNWRITTEN(0, -1),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = TO_FULL(0, -1),
        [ZONE_EVENT_EXCURSION]       = TO_FINISHED(0, -1),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(0, -1),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, -1),
    },
    [ZONE_STATE_READ_ONLY] = {
        [ZONE_EVENT_WRITE]           = REFUSE(ZONE_ERR_READ_ONLY),
        [ZONE_EVENT_OPEN]            = REFUSE_MOVE,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_ZRWA,
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = REFUSE_MOVE,
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = REFUSE_MOVE,
        [ZONE_EVENT_OFFLINE]         = TO_OFFLINE(0, 0),
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE_ZRWA]    = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_EXCURSION]       = REFUSE_MOVE,
        [ZONE_EVENT_FAULT_READ_ONLY] = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, 0),
    },
    [ZONE_STATE_FULL] = {
        [ZONE_EVENT_WRITE]           = REFUSE(ZONE_ERR_FULL),
        [ZONE_EVENT_OPEN]            = REFUSE_MOVE,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_ZRWA,
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = TO_EMPTY(0, 0),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE_ZRWA]    = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_EXCURSION]       = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(0, 0),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, 0),
    },
    [ZONE_STATE_OFFLINE] = {
        [ZONE_EVENT_WRITE]           = REFUSE(ZONE_ERR_OFFLINE),
        [ZONE_EVENT_OPEN]            = REFUSE_MOVE,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_ZRWA,
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = REFUSE_MOVE,
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = REFUSE_MOVE,
        [ZONE_EVENT_OFFLINE]         = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE_ZRWA]    = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_EXCURSION]       = REFUSE_MOVE,
        [ZONE_EVENT_FAULT_READ_ONLY] = REFUSE_MOVE,
        [ZONE_EVENT_FAULT_OFFLINE]   = STAY(ZONE_STATE_OFFLINE),
    },
};

const ZoneTransition *zone_transition(ZoneState state, ZoneEvent event)
{
    assert((unsigned)state < ZONE_STATE__MAX);
    assert((unsigned)event < ZONE_EVENT__MAX);
    return &zone_transitions[state][event];
}
