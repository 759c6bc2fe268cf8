/*
 * Descriptors of a queue of virtio, for drivers that begin anew
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_QTEST_ZONE_VIRTQUEUE_H
#define TESTS_QTEST_ZONE_VIRTQUEUE_H

#include "libqos/virtio.h"

/* All are free: libqos counts what is taken, and nothing that comes back */
static inline void zone_virtqueue_free_all(QVirtQueue *vq)
{
    vq->free_head = 0;
    vq->num_free = vq->size;
}

#endif /* TESTS_QTEST_ZONE_VIRTQUEUE_H */
