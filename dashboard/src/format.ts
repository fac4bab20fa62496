// How figures look. Money is never a binary fraction: it is parsed to nano-dollars.
const NANO = 1_000_000_000n

/** Nano-dollars of an exact decimal. */
export function nanoOf(usd: string): bigint {
  const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(usd) ?? []
  const nano = BigInt(whole) * NANO + BigInt(fraction.padEnd(9, '0').slice(0, 9))
  return sign === '-' ? -nano : nano
}

function decimal(nano: bigint, places: number): string {
  const step = 10n ** BigInt(9 - places)
  const size = nano < 0n ? -nano : nano
  const units = (size + step / 2n) / step
  const digits = String(units).padStart(places + 1, '0')
  const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${nano < 0n ? '−' : ''}$${whole}${places === 0 ? '' : `.${digits.slice(-places)}`}`
}

/** For tables: six decimals. What is not zero never looks like it. */
export function usdCell(usd: string): string {
  const nano = nanoOf(usd)
  if (nano === 0n) return '$0'
  const size = nano < 0n ? -nano : nano
  return size < 500n ? '<$0.000001' : decimal(nano, 6)
}

/** For cards: cents from a dollar on, below it three significant digits. */
export function usdCard(usd: string): string {
  const nano = nanoOf(usd)
  if (nano === 0n) return '$0'
  const size = nano < 0n ? -nano : nano
  if (size >= NANO) return decimal(nano, 2)
  const places = Math.min(9, 9 - String(size).length + 3)
  return decimal(nano, places)
}

const GROUPED = new Intl.NumberFormat('en')
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

export function countText(count: number): string {
  return GROUPED.format(count)
}

export function shortCount(count: number): string {
  return count < 100_000 ? GROUPED.format(count) : SHORT.format(count)
}

export function percentText(part: number, whole: number): string {
  if (whole === 0) return '—'
  const percent = (part * 100) / whole
  return part > 0 && percent < 0.1 ? '<0.1 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`
}

export function durationText(ms: number | undefined): string {
  if (ms === undefined) return '—'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')} s`
}

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone

/** Such as `30 Nov 18:47:29`. */
export function timeText(ms: number, zone: string): string {
  const options = {
    timeZone: zone,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  } as const
  return new Intl.DateTimeFormat('en-GB', options).format(ms).replace(',', '')
}

export function dayText(seconds: number, zone: string): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone: zone, day: 'numeric', month: 'short' }).format(
    seconds * 1000,
  )
}

export function hourText(seconds: number, zone: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(seconds * 1000)
}

/** The zone with its offset, such as `Europe/Brussels, UTC+1`. */
export function zoneText(zone: string, now = Date.now()): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'shortOffset' }).formatToParts(
    now,
  )
  const offset = parts.find(({ type }) => type === 'timeZoneName')?.value.replace('GMT', 'UTC') ?? ''
  return zone === 'UTC' ? 'UTC' : `${zone}, ${offset}`
}

/** Text of strangers with control and direction characters made visible. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
