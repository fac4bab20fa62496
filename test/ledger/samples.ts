import { money, type Money } from '../../src/base/money.ts'
import type { HoldRequest, Settlement, Usage } from '../../src/ledger/types.ts'

/** A request by `10.0.0.1` that may cost a thousandth of a dollar. */
export function request(id: string, changes: Partial<HoldRequest> = {}): HoldRequest {
  return {
    id,
    caller: { ip: '10.0.0.1', context: undefined },
    kind: 'chat',
    requestedModel: 'gpt-4o',
    streamed: false,
    maxCost: money(1_000_000n),
    startedAt: 1_700_000_000_123,
    ...changes,
  }
}

/** A plain good answer that cost `cost` nano-dollars. */
export function finished(cost: Money | undefined, changes: Partial<Settlement> = {}): Settlement {
  return {
    status: 'finished',
    endpoint: 'openai/gpt-4o',
    provider: 'openai',
    attempts: [],
    usage: usage({ prompt: 10, completion: 5 }),
    countSource: 'reported',
    cost,
    costLow: undefined,
    costHigh: undefined,
    priceVersion: 'v1',
    finishReason: 'stop',
    error: undefined,
    firstTokenMs: 12.4,
    durationMs: 345.6,
    ...changes,
  }
}

export function usage(changes: Partial<Usage>): Usage {
  return {
    prompt: 0,
    completion: 0,
    cachedPrompt: 0,
    cacheWrite: 0,
    reasoning: 0,
    audioPrompt: 0,
    audioCompletion: 0,
    ...changes,
  }
}
