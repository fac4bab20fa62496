/** `npm run bench`: what the broker costs between a caller and a provider, compared with other proxies. */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureAccounting } from './accounting/accounting.ts'
import { allContenders } from './contenders/all.ts'
import { broker } from './contenders/broker.ts'
import type { Contender } from './contenders/contender.ts'
import { installPortkey } from './contenders/portkey.ts'
import { judge, type GateLimits } from './measures/gate.ts'
import { measureMemory, type Memory } from './measures/memory.ts'
import { runRounds, type Entrant } from './measures/rounds.ts'
import { measureScaling } from './measures/scaling.ts'
import { fullScenarios, quickScenarios, scalingScenarios, type Scenario } from './measures/scenarios.ts'
import { soak } from './measures/soak.ts'
import { openHarness, type Harness } from './measures/harness.ts'
import { measureStartUp } from './measures/start-up.ts'
import { figuresOf } from './report/figures.ts'
import { printAccounting, printMemory, printScaling, printScenario, printStartUp } from './report/print.ts'

const HELP = `npm run bench -- [options]

  (no option)        the quick run, two and a half minutes
  --full             all sizes and connection counts, 1,000 open streams, 5,000 hang-ups
  --soak MINUTES     mixed load on one contender; measures memory over time
  --gate             the quick run; fails when the CPU cost exceeds the limits below
  --gate-request 8   maximum CPU per plain request, as a multiple of nginx in the same run
  --gate-chunk 3     maximum CPU per relayed chunk, as a multiple of nginx in the same run
  --margin 1         multiplies both limits, for machines that are not idle
  --workers 1,2,4    compares brokers with these numbers of workers: CPU of the primary and of the workers
  --subject broker   the contender that --gate and --soak measure
  --only A,B         only these contenders
  --scenarios A,B    only these scenarios: plain-1k-32, turn-20-32, stream-32 …
  --rounds 5         measured rounds, after one warm-up round
  --stretch 1        multiplies the length of every slice
  --with-portkey     adds Portkey's gateway, installed by npm into a temporary folder (needs a registry);
                     if PORTKEY_FOLDER is set, it is taken from there
  --before CHECKOUT  adds the daemon of another checkout as before, to compare two versions in one run
  --profile FOLDER   the broker writes a CPU profile into this folder
`

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    gate: { type: 'boolean', default: false },
    soak: { type: 'string' },
    workers: { type: 'string' },
    'gate-request': { type: 'string', default: '8' },
    'gate-chunk': { type: 'string', default: '3' },
    margin: { type: 'string', default: '1' },
    subject: { type: 'string', default: 'broker' },
    only: { type: 'string' },
    scenarios: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    stretch: { type: 'string', default: '1' },
    'with-portkey': { type: 'boolean', default: false },
    before: { type: 'string' },
    profile: { type: 'string' },
  },
})

/** Number of workers, and concurrent requests of each. */
const ACCOUNTING_RUNS = [
  [1, 1],
  [1, 16],
  [1, 64],
  [2, 64],
] as const
const ACCOUNTING_MS = 4_000

process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.exitCode = await main().catch((failure: unknown) => {
  console.error(String(failure))
  return 1
})

async function main(): Promise<number> {
  if (options.help) {
    console.log(HELP)
    return 0
  }
  if (process.platform !== 'linux') throw new Error('the benchmark reads /proc and runs only on Linux')
  if (options.workers !== undefined) return await scale(options.workers.split(',').map(Number))
  const contenders = await chosenContenders()
  await using harness = await openHarness()
  if (options.soak !== undefined) return await soakSubject(harness, contenders, positive('soak'))
  return await compare(harness, contenders)
}

async function chosenContenders(): Promise<Contender[]> {
  const portkeyFolder = process.env['PORTKEY_FOLDER'] ?? join(tmpdir(), 'hero-aibroker-bench-portkey')
  if (options['with-portkey']) await installPortkey(portkeyFolder)
  const all = allContenders({
    portkeyFolder: options['with-portkey'] ? portkeyFolder : undefined,
    profileFolder: options.profile,
    before: options.before,
  })
  const only = options.only?.split(',') ?? all.map(({ name }) => name)
  const unknown = only.filter((name) => all.every((contender) => contender.name !== name))
  if (unknown.length > 0)
    throw new Error(
      `unknown contender: ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`,
    )
  return all.filter((contender) => {
    if (!only.includes(contender.name)) return false
    const missing = contender.missing?.()
    if (missing !== undefined) console.log(`skipping ${contender.name}: ${missing}`)
    return missing === undefined
  })
}

function chosenScenarios(): readonly Scenario[] {
  const usual = options.full ? fullScenarios : quickScenarios
  if (options.scenarios === undefined) return usual
  const all = new Map([...fullScenarios, ...quickScenarios].map((scenario) => [scenario.id, scenario]))
  return options.scenarios.split(',').map((id) => {
    const scenario = all.get(id)
    if (scenario === undefined)
      throw new Error(`unknown scenario “${id}”; there are ${[...all.keys()].join(', ')}`)
    return scenario
  })
}

function positive(name: 'soak' | 'rounds' | 'stretch' | 'margin' | 'gate-request' | 'gate-chunk'): number {
  const value = Number(options[name])
  if (!(value > 0)) throw new Error(`--${name} is “${options[name]}” and must be a number above 0`)
  return value
}

async function compare(harness: Harness, contenders: readonly Contender[]): Promise<number> {
  const scenarios = chosenScenarios()
  const amount = options.full ? { streams: 1_000, hangUps: 5_000 } : { streams: 500, hangUps: 500 }
  const baseline = contenders.some(({ name }) => name === 'nginx') ? 'nginx' : 'direct'

  const startUps = new Map<string, readonly number[]>()
  for (const contender of contenders) {
    if (contender.name !== 'direct') startUps.set(contender.name, await measureStartUp(contender, harness, 3))
  }
  await using entrants = await startAll(harness, contenders)
  const memories = new Map<string, Memory>()
  for (const entrant of entrants.list) {
    const memory = await measureMemory(harness, entrant, amount)
    if (memory !== undefined) memories.set(entrant.name, memory)
  }
  const slices = await runRounds(harness, entrants.list, scenarios, {
    rounds: positive('rounds'),
    stretch: positive('stretch'),
    onRound: (round) => console.error(round === 0 ? 'warming up' : `round ${round} of ${options.rounds}`),
  })

  const results = scenarios.map((scenario) => ({
    scenario,
    figures: figuresOf(slices, scenario, baseline),
  }))
  for (const { scenario, figures } of results) printScenario(scenario, figures, baseline)
  printMemory(memories, amount)
  printStartUp(startUps)
  const file = await save({ results, memories: [...memories], startUps: [...startUps] })
  console.log(`\n${file}`)
  return options.gate ? gate(results, baseline) : 0
}

async function scale(counts: readonly number[]): Promise<number> {
  await using harness = await openHarness()
  await using entrants = await startAll(
    harness,
    counts.map((count) => broker(options.profile, count)),
  )
  const scaling = await measureScaling(harness, entrants.list, scalingScenarios, {
    rounds: positive('rounds'),
    stretch: positive('stretch'),
  })
  printScaling(scaling)
  await entrants[Symbol.asyncDispose]()
  const accounting = []
  for (const [workers, concurrency] of ACCOUNTING_RUNS)
    accounting.push(await measureAccounting(workers, concurrency, ACCOUNTING_MS))
  printAccounting(accounting)
  console.log(`\n${await save({ scaling, accounting })}`)
  return 0
}

async function startAll(harness: Harness, contenders: readonly Contender[]) {
  const list: Entrant[] = []
  const stop = async () => {
    await Promise.all(list.map(({ running }) => running.stop()))
  }
  try {
    for (const contender of contenders) {
      const { name, warmsUp } = contender
      list.push({ name, warmsUp, running: await contender.start(harness) })
    }
  } catch (failure) {
    await stop()
    throw failure
  }
  return { list, [Symbol.asyncDispose]: stop }
}

function gate(results: Parameters<typeof judge>[0], baseline: string): number {
  if (baseline !== 'nginx') {
    console.log('gate skipped: it compares with nginx, which was not measured')
    return 0
  }
  const margin = positive('margin')
  const limits: GateLimits = {
    request: positive('gate-request') * margin,
    chunk: positive('gate-chunk') * margin,
  }
  const { passed, lines } = judge(results, options.subject, limits)
  for (const line of lines) console.log(line)
  return passed ? 0 : 1
}

async function soakSubject(
  harness: Harness,
  contenders: readonly Contender[],
  minutes: number,
): Promise<number> {
  const contender = contenders.find(({ name }) => name === options.subject)
  if (contender === undefined)
    throw new Error(`the contender ${options.subject} is unknown or cannot run here`)
  await using entrants = await startAll(harness, [contender])
  const [entrant] = entrants.list
  if (entrant === undefined) return 1
  const { passed, lines, samples } = await soak(harness, entrant, minutes, (line) => console.log(line))
  for (const line of lines) console.log(line)
  console.log(await save({ soak: samples }))
  return passed ? 0 : 1
}

async function save(results: object): Promise<string> {
  const folder = join(import.meta.dirname, 'results')
  await mkdir(folder, { recursive: true })
  const at = new Date().toISOString()
  const machine = {
    processor: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    load: loadavg()[0],
  }
  const file = join(folder, `${at.replaceAll(':', '-')}.json`)
  await writeFile(file, `${JSON.stringify({ at, machine, options, ...results }, undefined, 2)}\n`)
  return file
}
