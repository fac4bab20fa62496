import { z } from 'zod'

/** Counts of requests, tokens, seconds. */
export const count = z.int().nonnegative()

export const usd = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/, 'should be US dollars in a text, such as "2.50"')
  .meta({ id: 'Usd', description: 'US dollars as an exact decimal: `"0.0000039"`.' })

export const unixSeconds = z
  .int()
  .nonnegative()
  .meta({ id: 'UnixSeconds', description: 'Seconds since 1970-01-01 UTC.' })

/** The year 9999 ends. Milliseconds, sent by mistake, are beyond it. */
const LAST_SECOND = 253_402_300_799

/** A moment that a caller names. */
export const moment = z
  .int()
  .nonnegative()
  .max(LAST_SECOND, 'should be in seconds since 1970, before the year 10000')
  .meta({ id: 'Moment', description: 'Seconds since 1970-01-01 UTC, before the year 10000.' })
