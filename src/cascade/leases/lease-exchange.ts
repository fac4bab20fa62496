import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { parseUsd, usdText, type Money } from '../../base/money.ts'

/** What a holder says to a mother. All amounts but `want` count from the beginning of the lease and only rise. */
export interface Question {
  /** Absent for a new lease. */
  readonly id: string | undefined
  readonly known: Money
  readonly returned: Money
  /** What is wanted besides. */
  readonly want: Money
}

/** A lease as the mother that granted it states it. */
export interface Granted {
  readonly id: string
  readonly granted: Money
  readonly returned: Money
  /** What no request under it holds or has spent, by her books. */
  readonly left: Money
  /** It ends after so many milliseconds without another exchange: a duration, so that clocks need not agree. */
  readonly endsInMs: number
}

const usd = z.string().transform((text) => parseUsd(text))

const answer = z.looseObject({
  id: z.string().min(1).max(64),
  granted_usd: usd,
  returned_usd: usd,
  left_usd: usd,
  expires_in_ms: z.int().min(0),
})

/** `POST` with a JSON body below a mother's base URL. */
export type PostJson = (path: string, body: string) => Promise<unknown>

/** One exchange with a mother. Rejects when she can't be asked, and with `upstream-failed` for an answer that can't be read. */
export async function exchangeWith(
  post: PostJson,
  { id, known, returned, want }: Question,
): Promise<Granted> {
  const said = {
    lease: id,
    known_usd: usdText(known),
    returned_usd: usdText(returned),
    want_usd: usdText(want),
  }
  const read = answer.safeParse(await post('/cascade/leases', JSON.stringify(said)))
  if (!read.success)
    throw new BrokerError('upstream-failed', 'the mother’s answer about a lease can’t be read', {
      cause: read.error,
    })
  const { granted_usd: granted, returned_usd: back, left_usd: left, expires_in_ms: endsInMs } = read.data
  return { id: read.data.id, granted, returned: back, left, endsInMs }
}
