import { X509Certificate } from 'node:crypto'
import { readFileSync, statfsSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import type { Warnings } from './warnings.ts'

export interface HostAlarmParts {
  readonly warnings: Warnings
  readonly clock: Clock
  readonly dataDir: string
  /** Path of the certificate of the TCP listener, when it speaks TLS. */
  readonly certPath: string | undefined
}

const CHECK_MS = 60_000
const GIB = 1024 ** 3
const DAY_MS = 24 * 3_600_000
const MIN_CERTIFICATE_DAYS = 14

/** Watches what fails slowly on a host: the disk of the ledger, and the certificate. Returns a function that stops it. */
export function watchHost(parts: HostAlarmParts): () => void {
  let cancel = (): void => undefined
  const check = (): void => {
    setAlarm(parts, 'disk', diskProblem(parts.dataDir))
    setAlarm(parts, 'certificate', certificateProblem(parts))
    cancel = parts.clock.after(CHECK_MS, check)
  }
  check()
  return () => cancel()
}

function setAlarm({ warnings }: HostAlarmParts, name: string, problem: string | undefined): void {
  if (problem === undefined) warnings.clear(name)
  else warnings.raise(name, problem)
}

function diskProblem(dataDir: string): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(dataDir)
    const free = bavail * bsize
    if (free >= GIB) return undefined
    return `less than 1 GiB is free for ${dataDir}: on a full disk requests are refused, because each must be recorded`
  } catch {
    return undefined
  }
}

function certificateProblem({ certPath, clock }: HostAlarmParts): string | undefined {
  if (certPath === undefined) return undefined
  try {
    const { validToDate } = new X509Certificate(readFileSync(certPath))
    const days = Math.floor((validToDate.getTime() - clock.now()) / DAY_MS)
    if (days >= MIN_CERTIFICATE_DAYS) return undefined
    return days < 0
      ? `the certificate ${certPath} has expired: replace it and restart`
      : `the certificate ${certPath} expires within ${MIN_CERTIFICATE_DAYS} days: replace it and restart`
  } catch {
    return `the certificate ${certPath} can’t be read any more: the next start would fail`
  }
}
