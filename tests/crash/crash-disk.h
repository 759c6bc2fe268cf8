/*
 * A disk in memory that remembers its requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * While a log records, requests wait in it until crash_log_step() lets one of
 * them complete: chosen at random, so what is in flight together completes in
 * any order.  Everything runs in one thread: a seed gives one history.
 */

#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include "block/block_int.h"
#include "block/thread-pool.h"
#include "crypto/pbkdf.h"
#include "qemu/job.h"

#define CRASH_SECTOR_BYTES  512
#define CRASH_MAX_DISKS     3
/* What a disk has where it lost a discard */
#define CRASH_GARBAGE_BYTE  0xd5
#define CRASH_NEVER         UINT64_MAX

typedef enum CrashRequestKind {
    CRASH_WRITE,
    CRASH_DISCARD,
    CRASH_FLUSH,
} CrashRequestKind;

/*
 * Times are those of the log: they count requests and completions, of disks
 * and of the workload.
 */
typedef struct CrashRequest {
    CrashRequestKind kind;
    unsigned disk_idx;
    int64_t offset_bytes;
    int64_t length_bytes;
    uint8_t *data;              /* NULL: zeros, or no data */
    bool fua;
    bool failed;
    /*
     * which sectors of it did so, where it failed and the log wants to know;
     * else NULL
     */
    bool *reached;
    uint64_t submitted;
    uint64_t completed;         /* CRASH_NEVER while in flight */
} CrashRequest;

/* A request was submitted, or has completed */
typedef struct CrashEvent {
    uint64_t time;
    CrashRequest *request;
    bool completion;
} CrashEvent;

/* What goes on when crash_log_step() says so */
typedef struct CrashWaiter {
    Coroutine *co;
    bool discard;
    Job *sleeper;               /* NULL: a request */
} CrashWaiter;

typedef struct CrashLog CrashLog;
typedef struct CrashDisk CrashDisk;

/* The error of a request that is about to complete, or 0 */
typedef int CrashFaultFunc(void *opaque, const CrashRequest *request);
/* A disk has the data of a write, from where it lies in memory */
typedef void CrashTakenFunc(void *opaque, QEMUIOVector *qiov);
/* The driver above begins to discard, in the coroutine of the request */
typedef void CrashDiscardFunc(void *opaque);
/*
 * Zeros are about to be written where a write has failed, in its coroutine: is
 * that to fail, too?
 */
typedef bool CrashZerosFunc(void *opaque);
/* They have */
typedef void CrashZerosFailedFunc(void *opaque);

struct CrashLog {
    const char *name;           /* of the variant */
    GRand *rand;                /* not owned */
    GArray *events;             /* CrashEvent */
    GPtrArray *requests;
    GArray *waiting;            /* CrashWaiter */
    uint64_t now;
    bool delay;                 /* requests wait for crash_log_step() */
    bool in_order;              /* the next step is the oldest request */
    bool starve;                /* ... is any but the oldest request */
    bool slow_discards;         /* ... is no discard while others wait */
    /* by a flush behind it, a write that failed becomes what it has left */
    bool settles_failed;
    QEMUBH *pump;               /* takes the steps by itself; NULL: nobody */
    CrashFaultFunc *fault;      /* may be NULL */
    CrashTakenFunc *taken;      /* may be NULL */
    CrashDiscardFunc *discard;  /* may be NULL */
    CrashZerosFunc *zeros;      /* may be NULL, then so is the next */
    CrashZerosFailedFunc *zeros_failed;
    void *opaque;
};

struct CrashDisk {
    unsigned idx;
    CrashLog *log;              /* NULL: records nothing */
    uint8_t *data;
    int64_t length_bytes;
    int64_t alloc_bytes;
    bool fua;                   /* the protocol knows FUA */
    uint32_t alignment_bytes;
};

CrashLog *crash_log_new(GRand *rand);
void crash_log_free(CrashLog *log);
/* The next time; every event takes one */
uint64_t crash_log_tick(CrashLog *log);
/* Lets one waiting request complete, or a job go on; false when none waits */
bool crash_log_step(CrashLog *log);

/*
 * In between, waiting requests complete while whoever has started them polls:
 * what does so cannot call crash_log_step()
 */
void crash_log_start_pump(CrashLog *log);
void crash_log_stop_pump(CrashLog *log);

/*
 * In between, they do so whenever somebody blocks in a poll.  Jobs sleep until
 * a step wakes them.
 */
void crash_log_start_polling(CrashLog *log);
void crash_log_stop_polling(void);
void crash_log_add_sleeper(CrashLog *log, Job *job);
void crash_log_remove_sleeper(CrashLog *log, Job *job);

CrashDisk *crash_disk_new(unsigned idx);
void crash_disk_free(CrashDisk *disk);
/* Makes the disk as long as that, with zeros */
void crash_disk_reach(CrashDisk *disk, int64_t end_bytes);
/* Takes the contents of another disk */
void crash_disk_copy(CrashDisk *disk, const CrashDisk *from);
/* Writes without a request; data NULL: zeros */
void crash_disk_poke(CrashDisk *disk, int64_t offset_bytes, const uint8_t *data,
                     int64_t length_bytes);
/* A node over the disk, with a reference for the caller */
BlockDriverState *crash_disk_open(CrashDisk *disk, const char *node_name,
                                  int flags);

/* From then on, discards of format's nodes wait between gate and driver */
void crash_disk_register(BlockDriver *format);

/* What the linker puts in place of functions of the same names, and those */
int coroutine_fn __real_bdrv_driver_pwritev(BlockDriverState *bs,
                                            int64_t offset, int64_t bytes,
                                            QEMUIOVector *qiov,
                                            size_t qiov_offset,
                                            BdrvRequestFlags flags);
int coroutine_fn __wrap_thread_pool_submit_co(ThreadPoolFunc *func, void *arg);
int coroutine_fn __wrap_bdrv_driver_pwritev(BlockDriverState *bs,
                                            int64_t offset, int64_t bytes,
                                            QEMUIOVector *qiov,
                                            size_t qiov_offset,
                                            BdrvRequestFlags flags);
uint64_t __wrap_qcrypto_pbkdf2_count_iters(QCryptoHashAlgo hash,
                                           const uint8_t *key, size_t nkey,
                                           const uint8_t *salt, size_t nsalt,
                                           size_t nout, Error **errp);

/* ... in crash-poll.c */
bool __real_aio_poll(AioContext *ctx, bool blocking);
void coroutine_fn __real_job_sleep_ns(Job *job, int64_t ns);
int64_t __real_qemu_clock_get_ns(QEMUClockType type);
bool __wrap_aio_poll(AioContext *ctx, bool blocking);
void coroutine_fn __wrap_job_sleep_ns(Job *job, int64_t ns);
int64_t __wrap_qemu_clock_get_ns(QEMUClockType type);

#endif /* TESTS_CRASH_DISK_H */
