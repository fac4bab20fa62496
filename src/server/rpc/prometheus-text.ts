import type { Histogram } from '../../telemetry/histogram.ts'

export type Labels = Readonly<Record<string, string | number>>
export type Sample = readonly [labels: Labels, value: number | string]

/** A metric in Prometheus' text format; nothing without samples. */
export function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: readonly Sample[],
): string {
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`)
  return lines.length === 0 ? '' : `${head(name, type, help)}${lines.join('')}`
}

export function histogram(
  name: string,
  help: string,
  samples: readonly (readonly [Labels, Histogram])[],
): string {
  if (samples.length === 0) return ''
  const lines = samples.flatMap(([labels, one]) => [
    ...one.buckets().map(({ le, count: below }) => `${name}_bucket${labelText({ ...labels, le })} ${below}`),
    `${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${one.count}`,
    `${name}_sum${labelText(labels)} ${one.sum}`,
    `${name}_count${labelText(labels)} ${one.count}`,
  ])
  return `${head(name, 'histogram', help)}${lines.map((line) => `${line}\n`).join('')}`
}

/** Sums and counts of values whose distribution is not kept. */
export function summary(
  name: string,
  help: string,
  samples: readonly (readonly [Labels, { readonly sum: number; readonly count: number }])[],
): string {
  if (samples.length === 0) return ''
  const lines = samples.map(
    ([labels, { sum, count }]) =>
      `${name}_sum${labelText(labels)} ${sum}\n${name}_count${labelText(labels)} ${count}\n`,
  )
  return `${head(name, 'summary', help)}${lines.join('')}`
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
