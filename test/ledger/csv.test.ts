import { execFileSync, spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { parseUsd } from '../../src/base/money.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { finished, request } from './samples.ts'

const program = 'sqlite3'
const isInstalled = spawnSync(program, ['--version']).status === 0

test.skipIf(!isInstalled)(
  'the sqlite3 program exports request_logs as CSV while the broker runs (skipped without the program)',
  async () => {
    await using here = temporaryStore()
    const ledger = createLedger({ store: here.store })
    const costs = [parseUsd('1.0000039'), parseUsd('20'), parseUsd('0'), undefined]
    for (const [index, cost] of costs.entries()) {
      const caller = { ip: '127.0.0.1', context: 'lab' }
      await ledger.settle(await ledger.hold(request(`gen-${index}`, { caller })), finished(cost))
    }
    // While the broker runs.
    const query = 'SELECT * FROM request_logs;'
    const csv = execFileSync(program, ['-header', '-csv', here.path, query], { encoding: 'utf8' })
    const [header = '', ...rows] = csv.trim().split(/\r?\n/)
    const table = rows.map((row) =>
      Object.fromEntries(row.split(',').map((cell, index) => [header.split(',')[index], cell])),
    )
    expect(header).toBe(
      'seq,id,ip,context,token,kind,model,endpoint,provider,status,streamed,attempts,attempts_detail,' +
        'prompt_tokens,completion_tokens,cached_tokens,cache_write_tokens,reasoning_tokens,' +
        'audio_prompt_tokens,audio_completion_tokens,total_tokens,characters,sound_ms,' +
        'cost_nano,cost_usd,cost_low_nano,cost_high_nano,uncertain_nano,unpriced,upstream_cost_nano,cost_source,' +
        'count_source,price_version,finish_reason,flag,error,' +
        'started_at,started_at_ms,first_token_ms,duration_ms,referer,title,adjusts,booked_at_ms,hash,answered_model,group_id,image_prompt_tokens,images,' +
        'search_units,made_images,image_class',
    )
    expect(table.map((row) => row['cost_usd'])).toEqual(['1.0000039', '20', '0', ''])
    expect(table[0]).toMatchObject({
      ip: '127.0.0.1',
      model: 'gpt-4o',
      total_tokens: '15',
      cost_nano: '1000003900',
      started_at: '1700000000',
    })
  },
)
