import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MAIN = join(import.meta.dirname, '../../bench/main.ts')

test.runIf(process.platform === 'linux')(
  'one short round measures CPU, chunks and memory of a real proxy and leaves no process behind',
  { timeout: 60_000 },
  async () => {
    const args = [MAIN, '--rounds', '1', '--stretch', '0.1', '--only', 'direct,node-proxy']
    const mark = `BENCH_RUN=${process.pid}.${Date.now()}`
    const [name = '', value] = mark.split('=')
    const env = { ...process.env, [name]: value }
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    expect(processesWith(mark)).toEqual([])
    const file = stdout.trim().split('\n').at(-1) ?? ''
    const { results, memories } = JSON.parse(await readFile(file, 'utf8')) as Saved
    await rm(file)
    expect(results.map(({ scenario }) => scenario.id)).toEqual(['plain-1k-32', 'stream-32', 'steady-300'])
    for (const { figures } of results) {
      const [direct, proxy] = figures
      expect(direct).not.toHaveProperty('cpu')
      expect(proxy).toMatchObject({ contender: 'node-proxy', cpu: { median: expect.any(Number) as number } })
    }
    expect(memories).toMatchObject([['node-proxy', { leftOpen: 0 }]])
  },
)

test('an unknown contender is an error', async () => {
  const run = promisify(execFile)(process.execPath, [MAIN, '--only', 'direct,apache'])
  await expect(run).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('apache') as string })
})

/** Processes that were started with this in their environment and still run. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/environ`, 'utf8').includes(mark)
    } catch {
      return false
    }
  })
}

interface Saved {
  readonly results: { scenario: { id: string }; figures: object[] }[]
  readonly memories: [string, object][]
}
