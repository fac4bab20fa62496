import { openReadOnly } from '../../store/read-only.ts'
import { verifyChains, type Verdict } from './verify.ts'

/** Walks the chains of a `requests.db` without the broker. Throws `not-found`. */
export async function verifyFile(path: string): Promise<Verdict> {
  using database = openReadOnly(path)
  return await verifyChains(database)
}
