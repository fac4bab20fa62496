import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Hands the garbage of the start back to the system: parsing the models file alone grows the heap to 60 MiB, of which 24
 * are in use, and V8 would keep the rest for hours. Measured on Node 24: 130 MiB resident before, 95 after, in 20 ms.
 */
export function trimMemory(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'major'; flavor: 'last-resort' }) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', flavor: 'last-resort' })
}
