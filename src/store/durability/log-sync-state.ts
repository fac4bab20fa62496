/** The places in the shared memory: commits so far, those of them that are on the disk, whether to end, and the log's size. */
export const WRITTEN = 0
export const SYNCED = 1
export const CLOSED = 2
/** At most 2³¹ − 1: what is longer counts as that. */
export const LOG_BYTES = 3
export const STATE_BYTES = 4 * Int32Array.BYTES_PER_ELEMENT
