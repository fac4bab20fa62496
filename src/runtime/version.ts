import { readFileSync } from 'node:fs'

interface Package {
  readonly version: string
}

/** From the package's own manifest, which lies at the same height above `src` and `dist`. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Package
).version
