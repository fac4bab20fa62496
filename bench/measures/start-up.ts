import { withFailureContext } from '../report/failure-context.ts'
import type { Contender, UpstreamAddress } from '../contenders/contender.ts'

/** Milliseconds from spawning a contender to its first response, measured `times` times. */
export async function measureStartUp(
  contender: Contender,
  upstream: UpstreamAddress,
  times: number,
): Promise<number[]> {
  const taken: number[] = []
  while (taken.length < times) {
    const startMs = performance.now()
    const running = await withFailureContext(contender.name, 'starting', contender.start(upstream))
    taken.push(performance.now() - startMs)
    await running.stop()
  }
  return taken
}
