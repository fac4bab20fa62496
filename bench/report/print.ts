import type { Memory } from '../measures/memory.ts'
import type { AccountingFigures } from '../accounting/accounting.ts'
import type { Scaling } from '../measures/scaling.ts'
import type { Scenario } from '../measures/scenarios.ts'
import type { Figures } from './figures.ts'
import { spread } from './spread.ts'
import { brief, shown, table } from './table.ts'

export function printScenario(scenario: Scenario, figures: readonly Figures[], baseline: string): void {
  const { title, per } = scenario
  const head = [
    '',
    `CPU µs/${per}`,
    `× ${baseline}`,
    `${per}s/s`,
    ...(per === 'chunk' ? OF_STREAMS : OF_REQUESTS),
  ]
  const times = per === 'chunk' ? streamTimes : requestTimes
  console.log(`\n${title}`)
  console.log(
    table(
      head,
      figures.map((row) => [
        row.contender,
        shown(row.cpu),
        shown(row.times),
        brief(row.perSecond, 0),
        ...times(row),
      ]),
    ),
  )
}

/** A stream has a time to the first token and a total time; a plain response has only the total. */
const OF_STREAMS = [
  'first ms',
  'p50 added ms',
  'first p99 ms',
  'p99 added ms',
  'whole p50 ms',
  'whole p99 ms',
]
const streamTimes = (row: Figures): string[] => [
  brief(row.first, 2),
  shown(row.addedFirst, 2),
  brief(row.firstP99, 2),
  shown(row.addedFirstP99, 2),
  brief(row.p50, 2),
  brief(row.p99, 2),
]

const OF_REQUESTS = ['p50 ms', 'p50 added ms', 'p99 ms', 'p99 added ms']
const requestTimes = (row: Figures): string[] => [
  brief(row.p50, 2),
  shown(row.addedP50, 2),
  brief(row.p99, 2),
  shown(row.addedP99, 2),
]

export function printMemory(
  memories: ReadonlyMap<string, Memory>,
  amount: { streams: number; hangUps: number },
): void {
  console.log('\nmemory, resident MB')
  console.log(
    table(
      [
        '',
        'idle',
        `${amount.streams} open streams`,
        `after ${amount.hangUps} hang-ups`,
        'upstream streams left open',
      ],
      [...memories].map(([name, memory]) => [
        name,
        memory.idle.toFixed(0),
        memory.withStreams.toFixed(0),
        memory.afterHangUps.toFixed(0),
        String(memory.leftOpen),
      ]),
    ),
  )
}

export function printScaling(rows: readonly Scaling[]): void {
  for (const title of new Set(rows.map(({ scenario }) => scenario))) {
    console.log(`\n${title}`)
    const head = [
      '',
      '1/s',
      'CPU µs primary',
      'CPU µs workers',
      'together',
      'p50 ms',
      'p99 ms',
      'resident MB',
    ]
    const own = rows.filter(({ scenario }) => scenario === title)
    console.log(
      table(
        head,
        own.map(({ name, perSecond, primary, workers, p50, p99, residentMegabytes }) => [
          name,
          perSecond.toFixed(0),
          primary.toFixed(1),
          workers.toFixed(1),
          (primary + workers).toFixed(1),
          p50.toFixed(2),
          p99.toFixed(2),
          residentMegabytes.toFixed(0),
        ]),
      ),
    )
  }
}

export function printAccounting(rows: readonly AccountingFigures[]): void {
  console.log('\naccounting alone: admitted, held, settled, on disk')
  console.log(
    table(
      ['workers × concurrent requests', '1/s', 'CPU µs primary', 'of a core'],
      rows.map(({ workers, concurrency, perSecond, cpu, busy }) => [
        `${workers} × ${concurrency}`,
        perSecond.toFixed(0),
        cpu.toFixed(1),
        `${(busy * 100).toFixed(0)} %`,
      ]),
    ),
  )
}

export function printStartUp(startUps: ReadonlyMap<string, readonly number[]>): void {
  console.log('\nstart-up, ms until the first response')
  console.log(
    table(
      ['', 'ms'],
      [...startUps].map(([name, taken]) => [name, shown(spread(taken), 0)]),
    ),
  )
}
