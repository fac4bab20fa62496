import type { Result } from '../../wire/rpc/methods.ts'
import type { Verdict } from './verdict.ts'

/** A verdict as `ledger.verify` returns it. */
export function verdictJson({ rows, payers, broken, problems, head }: Verdict): Result<'ledger.verify'> {
  const counts = { rows, payers, head: { seq: head.seq, digest: head.digest } }
  if (broken === undefined || problems === undefined) return counts
  const { ip, context, ...row } = broken
  return {
    ...counts,
    broken: { ...row, address: ip, ...(context === undefined ? {} : { context }) },
    problems: problems.map(({ ip: address, ...problem }) => ({ ...problem, address })),
  }
}
