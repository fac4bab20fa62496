/** The places in the shared memory: commits so far, those of them that are on the disk, and whether to end. */
export const WRITTEN = 0
export const SYNCED = 1
export const CLOSED = 2
export const STATE_BYTES = 3 * Int32Array.BYTES_PER_ELEMENT
