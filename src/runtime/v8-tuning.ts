import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Disables V8's allocation-site pretenuring, which allocates objects in the old generation once it has seen their like
 * live long. Several hundred open streams teach it that the objects of a request live long; afterwards those of short
 * requests are allocated there as well, and all that they reference waits for the next full collection. Measured after
 * 500 streams were open for three seconds: 165 against 132 µs of CPU per plain request, and 112 MB less resident memory.
 */
export function disablePretenuring(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/**
 * Returns the garbage of the start to the system: parsing the models file alone grows the heap to 60 MiB, of which 24
 * are in use, and V8 would keep the rest for hours. Measured on Node 24: 130 MiB resident before, 95 after, in 20 ms.
 */
export function trimMemory(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'major'; flavor: 'last-resort' }) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', flavor: 'last-resort' })
}
