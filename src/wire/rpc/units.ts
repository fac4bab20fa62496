import { z } from 'zod'

/** Counts of requests, tokens, seconds. */
export const count = z.int().nonnegative()

/** US dollars as an exact decimal string. */
export const usd = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/, 'should be US dollars in a text, such as "2.50"')
  .meta({ id: 'Usd', description: 'US dollars as an exact decimal: `"0.0000039"`.' })

/** A time in our results. */
export const unixSeconds = z
  .int()
  .nonnegative()
  .meta({ id: 'UnixSeconds', description: 'Seconds since 1970-01-01 UTC.' })

/** The end of the year 9999. Milliseconds, sent by mistake, are beyond it. */
const LAST_SECOND = 253_402_300_799

/** A time given by a caller. */
export const moment = z
  .int()
  .nonnegative()
  .max(LAST_SECOND, 'should be in seconds since 1970, before the year 10000')
  .meta({ id: 'Moment', description: 'Seconds since 1970-01-01 UTC, before the year 10000.' })
