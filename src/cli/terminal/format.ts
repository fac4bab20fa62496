import { parseUsd, usdText } from '../../base/money.ts'
import type { Money } from '../../base/money.ts'

/** Stands for a value that is not known. */
export const UNKNOWN = '–'

/** `128k`, `1.05M`: a size at a glance. */
export function formatSize(tokens: number | undefined): string {
  if (tokens === undefined) return UNKNOWN
  if (tokens >= 1_000_000) return `${trim((tokens / 1_000_000).toFixed(2))}M`
  if (tokens >= 1000) return `${Math.round(tokens / 1000)}k`
  return String(tokens)
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `$2.50`, `$0.0000039`: an exact decimal string with at least cents. */
export function formatUsd(decimal: string | undefined): string {
  if (decimal === undefined) return UNKNOWN
  const [whole = '0', fraction = ''] = decimal.replace('-', '').split('.')
  return `${decimal.startsWith('-') ? '-' : ''}$${Number(whole).toLocaleString('en-US')}.${fraction.padEnd(2, '0')}`
}

/** `3.2 s`, `4 min`, `2 h 5 min`, `3 d 4 h` */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${trim(seconds.toFixed(1))} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`
}

export function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

/** `1 model`, `2 models` */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** Reads the `cost` of a chat response, US dollars as a number; rounds to nano-dollars. */
export function readCost(cost: number | null | undefined): Money | undefined {
  return cost === null || cost === undefined ? undefined : parseUsd(cost.toFixed(9))
}

export function formatCost(cost: Money | undefined): string {
  return cost === undefined ? 'price unknown' : formatUsd(usdText(cost))
}

function trim(decimal: string): string {
  return decimal.replace(/\.?0+$/, '')
}

const KIB = 1024
const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** A size on a disk: `640 KiB`, `12 MiB`, `1.4 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= GIB) return `${(bytes / GIB).toFixed(1)} GiB`
  return bytes >= MIB ? `${Math.floor(bytes / MIB)} MiB` : `${Math.ceil(bytes / KIB)} KiB`
}
