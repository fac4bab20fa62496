import { expect, test } from 'vitest'
import { quantiles } from '../../bench/load/quantiles.ts'
import { judge } from '../../bench/measures/gate.ts'
import { quickScenarios } from '../../bench/measures/scenarios.ts'
import type { Slice } from '../../bench/measures/harness.ts'
import { figuresOf } from '../../bench/report/figures.ts'
import { spread } from '../../bench/report/spread.ts'

const [plain, stream] = quickScenarios.map((scenario) => scenario)

test('a spread has the median, the minimum and the maximum', () => {
  expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
  expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
  expect(spread([])).toBeUndefined()
})

test('quantiles are measured values', () => {
  const values = Array.from({ length: 200 }, (_, at) => 200 - at)
  expect(quantiles(values)).toEqual({ p50: 100, p99: 198 })
  expect(quantiles([7])).toEqual({ p50: 7, p99: 7 })
})

test('a contender is compared with nginx and direct of the same round', () => {
  if (plain === undefined) throw new Error('no scenario')
  // The machine was twice as slow in the second round; the multiple is the same in both.
  const slices = new Map([
    [
      plain.id,
      new Map([
        ['direct', [slice(undefined, 1), slice(undefined, 2)]],
        ['nginx', [slice(1_000, 2), slice(2_000, 4)]],
        ['broker', [slice(5_000, 4), slice(10_000, 5)]],
      ]),
    ],
  ])
  const [direct, nginx, broker] = figuresOf(slices, plain, 'nginx')
  expect(direct).toMatchObject({ contender: 'direct', cpu: undefined, addedP50: undefined })
  expect(nginx).toMatchObject({ cpu: { median: 15, min: 10, max: 20 }, times: undefined })
  expect(broker).toMatchObject({
    cpu: { median: 75 },
    times: { median: 5, min: 5, max: 5 },
    addedP50: { median: 3, min: 3, max: 3 },
  })
})

test('the gate fails beyond its limits, and when its contender was not measured', () => {
  if (plain === undefined || stream === undefined) throw new Error('no scenario')
  const results = [
    { scenario: plain, figures: figures(plain.id, 6) },
    { scenario: stream, figures: figures(stream.id, 4) },
  ]
  expect(judge(results, 'broker', { request: 8, chunk: 5 }).passed).toBe(true)
  expect(judge(results, 'broker', { request: 5, chunk: 5 }).passed).toBe(false)
  const { passed, lines } = judge(results, 'broker', { request: 8, chunk: 3 })
  expect(passed).toBe(false)
  expect(lines).toEqual([
    'gate passed: broker, CPU per request: 6.0× nginx, at most 8×',
    'gate FAILED: broker, CPU per chunk: 4.0× nginx, at most 3×',
  ])
  expect(judge(results, 'someone', { request: 8, chunk: 5 }).passed).toBe(false)
})

function figures(id: string, times: number) {
  const scenario = quickScenarios.find((scenario) => scenario.id === id)
  if (scenario === undefined) throw new Error(`no scenario ${id}`)
  const played = new Map([
    ['nginx', [slice(1_000, 1)]],
    ['broker', [slice(1_000 * times, 1)]],
  ])
  return figuresOf(new Map([[id, played]]), scenario, 'nginx')
}

function slice(cpuMicroseconds: number | undefined, p50: number): Slice {
  const times = { p50, p99: p50 * 2 }
  return { responses: 100, chunks: 100, seconds: 1, first: times, whole: times, cpuMicroseconds }
}
