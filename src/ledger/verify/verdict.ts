import type { LedgerHead } from './ledger-head.ts'

/** The result of verifying a ledger. */
export interface Verdict {
  /** Number of rows whose hash was checked. */
  readonly rows: number
  readonly payers: number
  /** The first thing that is wrong, named after a row; absent when nothing is. */
  readonly broken?: BrokenRow | undefined
  /** Everything that is wrong, up to a bound; absent when nothing is. */
  readonly problems?: readonly Problem[] | undefined
  /** The state of the ledger at its last row: an anchor if it is kept outside. */
  readonly head: LedgerHead
}

/** A row that is not as it was written. */
export interface BrokenRow {
  /** 0 when the problem is none of a single row. */
  readonly seq: number
  readonly id: string
  readonly ip: string
  readonly context: string | undefined
  readonly reason: string
}

/**
 * What a problem is about: a row, the rows that were added up (`totals`), the last hashes of payers (`heads`), what the
 * running broker has in memory (`memory`), an `anchor`, or the bookkeeping of the file itself (`marks`).
 */
export type ProblemKind = 'row' | 'totals' | 'heads' | 'memory' | 'anchor' | 'marks'

export interface Problem {
  readonly kind: ProblemKind
  readonly reason: string
  readonly seq?: number | undefined
  readonly id?: string | undefined
  readonly ip?: string | undefined
  readonly context?: string | undefined
}

/** Collects problems up to a bound, so that a file that is damaged all over gives a short report. */
export class Problems {
  static readonly MAX = 50
  readonly list: Problem[] = []
  #more = 0

  add(problem: Problem): void {
    if (this.list.length < Problems.MAX) this.list.push(problem)
    else this.#more++
  }

  /** All problems; the last one states how many are left out. */
  all(): readonly Problem[] {
    if (this.#more === 0) return this.list
    return [...this.list, { kind: 'marks', reason: `${this.#more} more problems are not listed` }]
  }
}

/** A problem in the form of a row, for callers that know only those. */
export function asBrokenRow({ seq = 0, id = '', ip = '', context, reason }: Problem): BrokenRow {
  return { seq, id, ip, context, reason }
}
