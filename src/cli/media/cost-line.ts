import { z } from 'zod'

import { formatCost, formatMs, readCost } from '../terminal/format.ts'

const envelope = z.looseObject({ provider: z.string().optional(), cost: z.number().nullish() })

/** `OpenAI · 1.2 s · $0.000195`: who made the result, how long it took and what it cost. A cost that is not known yet is left out. */
export function costLine(xAibroker: unknown, startedAt: number): string {
  const { provider, cost } = envelope.safeParse(xAibroker).data ?? {}
  const known = cost === undefined ? undefined : formatCost(readCost(cost))
  return [provider, formatMs(performance.now() - startedAt), known].filter(Boolean).join(' · ')
}
