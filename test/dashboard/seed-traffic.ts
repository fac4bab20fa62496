import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { money } from '../../src/base/money.ts'
import { openStore } from '../../src/store/store.ts'
import { mkdirSync } from 'node:fs'
import { finished, request, usage } from '../ledger/samples.ts'

const MODELS = [
  'gpt-4o-mini',
  'llama-3.3-70b',
  'claude-sonnet-4',
  'qwen3-32b',
  'gpt://x//y%#😀',
  'mistral-small',
  'deepseek-v3',
]
const PROVIDERS = ['openai', 'groq', 'anthropic', 'alibaba']

/** The names that a hostile caller chose. */
export const HOSTILE = '<img src=x onerror="window.hacked=1">\u202Egnp.exe'

/** Writes so many requests of the last month into the ledger of a broker that is not running yet. */
export async function seedTraffic(folder: string, count: number): Promise<void> {
  const data = join(folder, 'v', 'hero_aibroker')
  mkdirSync(data, { recursive: true })
  const store = openStore({
    path: join(data, 'requests.db'),
    clock: systemClock,
    durability: 'power-safe-soon',
  })
  const ledger = createLedger({ store })
  const now = Date.now()
  for (let index = 0; index < count; index++) {
    const age = ((count - index) / count) ** 2 * 30 * 86_400_000
    const isFailed = index % 37 === 0
    const provider = PROVIDERS[(index * 7) % PROVIDERS.length] ?? ''
    const model = index % 211 === 0 ? HOSTILE : (MODELS[(index * index) % MODELS.length] ?? '')
    const hold = await ledger.hold(
      request(`gen-${String(index).padStart(6, '0')}`, {
        caller: {
          ip: `10.1.0.${(index * 3) % 9}`,
          context: index % 3 === 0 ? ['lab', 'ci', 'sales'][index % 5] : undefined,
          ...(index % 6 === 0 ? { token: `tok-ci${index % 2}` } : {}),
        },
        requestedModel: model,
        streamed: index % 2 === 0,
        title: index % 5 === 0 ? 'Notebook' : undefined,
        startedAt: Math.floor(now - age),
      }),
    )
    const duration = 300 + ((index * 7919) % 9000)
    const cost = index % 53 === 0 ? undefined : money(BigInt((index * 104_729) % 40_000_000) + 3900n)
    await ledger.settle(
      hold,
      finished(isFailed ? money(0n) : cost, {
        status: isFailed ? 'failed' : index % 91 === 0 ? 'broken' : 'finished',
        provider: isFailed ? undefined : provider,
        endpoint: isFailed ? undefined : `${provider}/${model}`,
        model: isFailed ? undefined : model,
        attempts:
          index % 13 === 0
            ? [{ endpoint: `openai/${model}`, code: 'upstream-busy', status: 429, ms: 310 }]
            : [],
        usage: usage({
          prompt: 200 + ((index * 31) % 9000),
          completion: (index * 17) % 900,
          cachedPrompt: (index * 31) % 200,
        }),
        error: isFailed ? 'openai is busy: 429 Too Many Requests' : undefined,
        countSource: index % 17 === 0 ? 'counted' : 'reported',
        firstTokenMs: 100 + ((index * 13) % 900),
        durationMs: duration,
      }),
    )
  }
  await ledger.whenWritten()
  await store.close()
}

/** The sum of all costs in the file, as the ledger has it. */
export function ledgerSum(folder: string): bigint {
  using database = new DatabaseSync(join(folder, 'v', 'hero_aibroker', 'requests.db'), { readOnly: true })
  const statement = database.prepare('SELECT ifnull(sum(cost_nano), 0) AS nano FROM request_logs')
  statement.setReadBigInts(true)
  return statement.get()?.['nano'] as bigint
}
