import { setFlagsFromString } from 'node:v8'

/**
 * Keeps V8 from allocating in the old generation what it once saw living long. Several hundred streams that stay open
 * teach it that the objects of a request live long; afterwards those of short requests are born old as well, and all
 * that hangs on them waits for the next full collection. Measured after 500 streams were open for three seconds: 165
 * against 132 µs of CPU per plain request, and 112 MB less resident memory.
 */
export function expectShortLives(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
