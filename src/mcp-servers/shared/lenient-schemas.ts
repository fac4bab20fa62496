import { z } from 'zod'

/** Fields of vendors' responses: null, absent, or of another type than documented, they are read as absent. */

export const text = z.string().nullish().catch(undefined)
export const number = z.number().nullish().catch(undefined)
