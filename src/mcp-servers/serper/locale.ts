import { z } from 'zod'

import { country, language } from '../shared/schemas.ts'

/** Where and in which language to search, for every kind of search. */
export const locale = {
  country: country.default('us'),
  language: language.default('en'),
  location: z.string().max(200).optional().describe("Place to search from, for example 'Ghent, Belgium'."),
}
